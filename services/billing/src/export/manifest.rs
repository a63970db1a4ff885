//! What an exported file can be checked by.

use std::{collections::BTreeSet, fmt::Write};

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use money::Nanodollars;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    export::{
        format::Format,
        projection::{Export, ExportError},
        record::{COLUMNS, ExportRecord},
    },
    usage::{Month, Sum},
};

/// What an exported file can be checked by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Manifest {
    /// The calendar month in UTC.
    #[schema(example = "2026-11")]
    pub period: String,
    /// The format of the file: `csv` or `jsonl`.
    #[schema(example = "csv")]
    pub format: &'static str,
    /// The columns, in order.
    pub columns: Vec<&'static str>,
    /// How many rows the file has, the header not counted.
    pub rows: u64,
    /// The sum of `cost_usd`, with all nine digits.
    #[schema(example = "12.345678901")]
    pub sum: String,
    /// SHA-256 of the whole file in lower-case hexadecimal.
    pub sha256: String,
    /// The price book versions that calls were charged at.
    pub price_versions: Vec<String>,
    /// When the rows were read.
    pub generated_at: Timestamp,
    /// Whether the month is closed. An open month may still get rows, and then another manifest.
    pub closed: bool,
}

impl Manifest {
    /// Reads an export to its end.
    ///
    /// # Errors
    /// When the database refuses or a row cannot be read.
    pub async fn of(
        mut export: Export,
        month: Month,
        format: Format,
        now: Timestamp,
    ) -> Result<Self, ExportError> {
        let mut digest = Context::new(&SHA256);
        digest.update(&format.head()?);
        let (mut count, mut sum, mut versions) = (0_u64, Sum::ZERO, BTreeSet::new());
        loop {
            let rows = export.next().await?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                count += 1;
                sum = sum.plus(Nanodollars::from_nanos(row.cost_nanodollars));
                if !versions.contains(&row.price_version) {
                    versions.insert(row.price_version.clone());
                }
            }
            let records: Vec<_> = rows.into_iter().map(ExportRecord::from).collect();
            digest.update(&format.body(&records)?);
        }
        Ok(Self {
            period: month.to_string(),
            format: format.name(),
            columns: COLUMNS.to_vec(),
            rows: count,
            sum: sum.nine_digits(),
            sha256: hexadecimal(digest.finish().as_ref()),
            price_versions: versions.into_iter().collect(),
            generated_at: now,
            closed: false,
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        })
}

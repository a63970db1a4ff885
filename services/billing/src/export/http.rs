//! `/api/v1/exports/usage`: the record of a month as a file, and what to check it by.

use std::time::Duration;

use actix_web::{HttpResponse, get, http::header, web};
use bytes::Bytes;
use clock::Clock;
use futures_util::{Stream, stream};
use serde::Deserialize;
use server::{Person, Problem, StrictQuery};
use sessions::Permission;
use utoipa::IntoParams;

use crate::{
    export::{
        format::{Format, FormatError},
        manifest::Manifest,
        projection::{Export, ExportError, Exports},
        record::ExportRecord,
    },
    usage::{Month, MonthError},
};

/// Which month, in which format.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// The calendar month in UTC.
    #[param(required = true, value_type = String, example = "2026-11")]
    period: Option<String>,
    /// `csv` when absent.
    #[param(value_type = Option<Format>)]
    format: Option<String>,
}

/// The calls of a month as a file, oldest first, one row for each.
///
/// A snapshot: calls recorded while the file is being sent are not in it. A text that a spreadsheet
/// would take for a formula has an apostrophe before it in CSV.
#[utoipa::path(
    tag = "usage",
    params(ExportQuery),
    responses(
        (status = 200, content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The role may not export"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "Too many exports run at once"),
    ),
)]
#[get("/api/v1/exports/usage")]
pub async fn export_usage(
    person: Person,
    query: StrictQuery<ExportQuery>,
    exports: web::Data<Exports>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ExportUsage)?;
    let (month, format) = asked(query.0)?;
    let export = exports.begin(person.tenant, month).await?;
    let file = format!(
        "attachment; filename=\"latchkey-usage-{month}.{}\"",
        format.name()
    );
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, file))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(file_of(export, format)))
}

/// What the file of the same month and format can be checked by.
#[utoipa::path(
    tag = "usage",
    params(ExportQuery),
    responses(
        (status = 200, body = Manifest),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The role may not export"),
        (status = 429, body = Problem, content_type = "application/problem+json", description = "Too many exports run at once"),
    ),
)]
#[get("/api/v1/exports/usage/manifest")]
pub async fn usage_manifest(
    person: Person,
    query: StrictQuery<ExportQuery>,
    exports: web::Data<Exports>,
    clock: web::Data<Clock>,
) -> Result<web::Json<Manifest>, Problem> {
    person.require(Permission::ExportUsage)?;
    let (month, format) = asked(query.0)?;
    let now = clock.now();
    let export = exports.begin(person.tenant, month).await?;
    Ok(web::Json(Manifest::of(export, month, format, now).await?))
}

fn asked(query: ExportQuery) -> Result<(Month, Format), Problem> {
    let period = query.period.ok_or_else(|| {
        Problem::bad_request("Say which month to export, such as `period=2026-11`.")
            .named("bad-period", "The period is not valid")
            .at("period", "is missing")
    })?;
    let format = query.format.as_deref().unwrap_or(Format::Csv.name());
    Ok((period.parse()?, format.parse()?))
}

/// The file in pieces, each read when the one before was taken. An error breaks the connection off,
/// so that half a file is never taken for a whole one.
fn file_of(export: Export, format: Format) -> impl Stream<Item = Result<Bytes, ExportError>> {
    stream::try_unfold((export, true), move |(mut export, first)| async move {
        let piece = next_piece(&mut export, format, first)
            .await
            .inspect_err(|error| {
                let error: &dyn std::error::Error = error;
                tracing::error!(error, "an export broke off");
            })?;
        Ok(piece.map(|piece| (piece, (export, false))))
    })
}

async fn next_piece(
    export: &mut Export,
    format: Format,
    first: bool,
) -> Result<Option<Bytes>, ExportError> {
    let rows = export.next().await?;
    if rows.is_empty() && !first {
        return Ok(None);
    }
    let mut piece = if first { format.head()? } else { Vec::new() };
    let records: Vec<_> = rows.into_iter().map(ExportRecord::from).collect();
    piece.extend(format.body(&records)?);
    Ok(Some(piece.into()))
}

impl From<MonthError> for Problem {
    fn from(error: MonthError) -> Self {
        Self::bad_request(format!("The period is not valid: {error}."))
            .named("bad-period", "The period is not valid")
            .at("period", error.to_string())
    }
}

impl From<FormatError> for Problem {
    fn from(error: FormatError) -> Self {
        Self::bad_request(format!("This format is not offered: {error}."))
            .named("bad-format", "The format is not offered")
            .at("format", error.to_string())
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Busy => Self::too_many("Too many exports run at once. Try again shortly.")
                .named("exports-busy", "Too many exports run at once")
                .retry_after(Duration::from_secs(10)),
            ExportError::Database(error) => Self::dependency(&error),
            ExportError::Write(error) => Self::internal(&error),
        }
    }
}

//! The formats of an export.

use std::str::FromStr;

use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde_json::Value;
use utoipa::ToSchema;

use crate::export::record::{COLUMNS, ExportRecord};

/// How exported rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Format {
    /// RFC 4180 with a header row.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// The text is not the name of a format that is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the formats offered are csv and jsonl")]
pub struct FormatError;

/// A row could not be written, which is a fault of its definition.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// As CSV.
    #[error("a row could not be written as CSV")]
    Csv(#[from] csv::Error),
    /// As JSON.
    #[error("a row could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Format {
    /// Its name, in queries and at the end of file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/x-ndjson; charset=utf-8",
        }
    }

    /// What stands before the rows.
    ///
    /// # Errors
    /// Never, for column names that are plain text.
    pub fn head(self) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::new();
        if self == Self::Csv {
            let mut lines = csv_lines(&mut out);
            lines.write_record(COLUMNS)?;
            lines.flush().map_err(csv::Error::from)?;
        }
        Ok(out)
    }

    /// Rows as they stand in the file.
    ///
    /// # Errors
    /// Never, for rows of text and numbers.
    pub fn body(self, rows: &[ExportRecord]) -> Result<Vec<u8>, WriteError> {
        let mut out = Vec::with_capacity(rows.len() * 512);
        match self {
            Self::Csv => {
                let mut lines = csv_lines(&mut out);
                for row in rows {
                    lines.write_record(cells(row)?)?;
                }
                lines.flush().map_err(csv::Error::from)?;
            }
            Self::Jsonl => {
                for row in rows {
                    serde_json::to_writer(&mut out, row)?;
                    out.push(b'\n');
                }
            }
        }
        Ok(out)
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let known = [Self::Csv, Self::Jsonl];
        known
            .into_iter()
            .find(|format| format.name() == text)
            .ok_or(FormatError)
    }
}

fn csv_lines(out: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(out)
}

/// The row's cells; the one list of columns is the record itself.
fn cells(row: &ExportRecord) -> Result<Vec<String>, serde_json::Error> {
    let Value::Object(members) = serde_json::to_value(row)? else {
        return Ok(Vec::new());
    };
    Ok(members.into_iter().map(|(_, value)| cell(value)).collect())
}

fn cell(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => not_a_formula(text),
        other => other.to_string(),
    }
}

/// A spreadsheet takes a cell that begins like this for a formula (OWASP, "CSV Injection"); an app
/// chooses its own name. The apostrophe makes it text.
fn not_a_formula(text: String) -> String {
    let first = text
        .trim_start_matches([' ', '\u{a0}', '\u{feff}', '"'])
        .chars()
        .next();
    let risky = |c| {
        matches!(
            c,
            '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠'
        )
    };
    if first.is_some_and(risky) {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for formula in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "＝1",
            "\u{feff}=1",
        ] {
            assert_eq!(not_a_formula(formula.to_owned()), format!("'{formula}"));
        }
        for plain in ["", "gpt-4o", "Recipe = fun", "0.000000001", "a\tb"] {
            assert_eq!(not_a_formula(plain.to_owned()), plain);
        }
    }

    #[test]
    fn the_header_is_one_row_that_ends_as_rfc_4180_has_it() {
        let head = String::from_utf8(Format::Csv.head().unwrap()).unwrap();
        assert_eq!(head, format!("{}\r\n", COLUMNS.join(",")));
        assert!(Format::Jsonl.head().unwrap().is_empty());
    }

    #[test]
    fn only_offered_formats_have_a_name() {
        assert_eq!("csv".parse(), Ok(Format::Csv));
        for other in ["", "CSV", "parquet", "focus", "xlsx"] {
            assert_eq!(other.parse::<Format>(), Err(FormatError), "{other}");
        }
    }
}

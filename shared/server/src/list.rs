//! Lists in pieces: `{items, next_cursor}`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;

const USUAL_LIMIT: u16 = 50;
const LARGEST_LIMIT: u16 = 200;

/// One piece of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    /// What this piece holds.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next piece; `null` on the last.
    pub next_cursor: Option<String>,
}

/// Which piece is asked for. A query with more members has these two of its own, and makes this of
/// them (serde cannot read numbers through `flatten`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// The `next_cursor` of the piece before; absent for the first.
    pub cursor: Option<String>,
    /// The most items to send: 1 to 200, 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
}

impl PageQuery {
    /// The most items to send.
    ///
    /// # Errors
    /// 400 outside 1 to 200.
    pub fn limit(&self) -> Result<u16, Problem> {
        match self.limit {
            None => Ok(USUAL_LIMIT),
            Some(limit @ 1..=LARGEST_LIMIT) => Ok(limit),
            Some(_) => {
                let detail = "The limit of a list is 1 to 200.";
                Err(Problem::bad_request(detail).at("limit", "must be 1 to 200"))
            }
        }
    }

    /// Where to go on, read as the type a list goes by, usually an id.
    ///
    /// # Errors
    /// 400 when it is not a cursor of this list.
    pub fn cursor<C: std::str::FromStr>(&self) -> Result<Option<C>, Problem> {
        let Some(text) = &self.cursor else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let detail = "The cursor is not one that this list gave.";
            Problem::bad_request(detail).at("cursor", "send the `next_cursor` of the piece before")
        })
    }
}

impl<T> Page<T> {
    /// A list that fits in one piece.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }

    /// A piece made of up to `limit + 1` rows: the row too many says that there is more.
    #[must_use]
    pub fn of(mut rows: Vec<T>, limit: u16, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::from(limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(cursor);
        Self {
            items: rows,
            next_cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_too_many_says_that_there_is_more() {
        let page = Page::of(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!(
            (page.items, page.next_cursor),
            (vec![1, 2], Some("2".to_owned()))
        );
        let last = Page::of(vec![1, 2], 2, ToString::to_string);
        assert_eq!(last.next_cursor, None);
        assert_eq!(
            Page::<u8>::of(Vec::new(), 2, ToString::to_string).next_cursor,
            None
        );
    }

    #[test]
    fn a_limit_outside_its_range_is_refused() {
        let asked = |limit| {
            PageQuery {
                cursor: None,
                limit,
            }
            .limit()
        };
        assert_eq!(asked(None), Ok(50));
        assert_eq!(asked(Some(200)), Ok(200));
        assert!(asked(Some(0)).is_err());
        assert!(asked(Some(201)).is_err());
    }
}

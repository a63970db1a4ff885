//! The book itself.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::{Timestamp, civil::Date};

use crate::{catalogue::Catalogue, file::BookFile, price::Price};

/// Why a text is not a price book.
#[derive(Debug, thiserror::Error)]
pub enum PriceBookError {
    /// Not JSON, not of the book's shape, or an amount is not plain decimal text.
    #[error("the price book cannot be read")]
    Shape(#[from] serde_json::Error),
    /// A date that is no instant.
    #[error("the price book has a date outside of time")]
    Date(#[from] jiff::Error),
    /// A model that cannot be priced as it is written.
    #[error("{provider} {model}: {fault}")]
    Model {
        /// Of this provider.
        provider: String,
        /// As the book names it.
        model: String,
        /// What is wrong with it.
        fault: ModelFault,
    },
}

/// What can be wrong with a model in a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    /// A model without a price is to be left out.
    #[error("there is no price")]
    NoPrice,
    /// They overlap, leave a gap or end before they begin.
    #[error("the periods of the prices do not follow one another")]
    Periods,
    /// Below zero, or tiers that do not rise.
    #[error("a rate is below zero or the tiers do not rise")]
    Rates,
    /// Another model of the provider has it.
    #[error("the name is taken")]
    Name,
}

impl ModelFault {
    pub(crate) fn of(self, provider: &str, model: &str) -> PriceBookError {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        PriceBookError::Model {
            provider,
            model,
            fault: self,
        }
    }
}

/// The prices of every model of every provider, through time.
#[derive(Debug)]
pub struct PriceBook {
    version: String,
    verified: Date,
    providers: BTreeMap<String, Catalogue>,
}

static EMBEDDED: LazyLock<Result<PriceBook, PriceBookError>> =
    LazyLock::new(|| PriceBook::parse(include_str!("../prices.json")));

impl PriceBook {
    /// The book this program was built with, read once.
    ///
    /// # Errors
    /// The file was changed by hand and is no price book any more; the tests of this crate notice.
    pub fn embedded() -> Result<&'static Self, &'static PriceBookError> {
        EMBEDDED.as_ref()
    }

    /// Reads a book.
    ///
    /// # Errors
    /// What is wrong with it. A book is taken whole or not at all.
    pub fn parse(text: &str) -> Result<Self, PriceBookError> {
        let file: BookFile = serde_json::from_str(text)?;
        let digest: String = file.digest.chars().take(16).collect();
        let mut providers = BTreeMap::new();
        for (name, provider) in file.providers {
            let catalogue = Catalogue::build(&name, provider)?;
            providers.insert(name, catalogue);
        }
        Ok(Self {
            version: format!("{} {} sha256:{digest}", file.source, file.source_version),
            verified: file.verified,
            providers,
        })
    }

    /// The price of `model`, as the provider's API names it, for a call made at `at`.
    ///
    /// `None` when the book does not know: a price is never taken from a similar name.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Price> {
        self.providers
            .get(provider)?
            .find(&model.to_ascii_lowercase())?
            .price_at(at)
    }

    /// Which book this is: source, its version and the digest of the content. Goes on each usage
    /// record, so that a cost can be computed again.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The last day the source compared a price with a provider's page.
    #[must_use]
    pub fn verified(&self) -> Date {
        self.verified
    }

    /// The providers in the book, in alphabetical order.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// The models of `provider` by their chief names; nothing for a provider not in the book.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = &str> {
        self.providers
            .get(provider)
            .into_iter()
            .flat_map(Catalogue::ids)
    }
}

//! Where the prices of a provider's models stand.

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use events::{CustomProvider, Provider, ProviderKind};
use jiff::Timestamp;
use price_book::{Price, PriceBook};

/// Where the prices of a provider's models stand.
#[derive(Debug, Clone)]
pub enum Prices {
    /// In the price book, under the provider's name.
    Book,
    /// Its administrator said what every model costs, or did not.
    Said(Option<Arc<Price>>),
    /// In the price book, under the names that OpenAI has for what stands behind its deployments.
    OfOpenAi(BTreeMap<String, String>),
}

/// A price, from the book or from an administrator.
#[derive(Debug, Clone)]
pub enum Priced {
    /// As the book has it.
    Book(&'static Price),
    /// As an administrator said.
    Said(Arc<Price>),
}

impl Deref for Priced {
    type Target = Price;

    fn deref(&self) -> &Price {
        match self {
            Self::Book(price) => price,
            Self::Said(price) => price,
        }
    }
}

impl Priced {
    /// Which price it is, for the record.
    pub(crate) fn version(&self, book: &PriceBook) -> String {
        match self {
            Self::Book(_) => book.version().to_owned(),
            Self::Said(price) => {
                let (input, output) = price.listed();
                format!("organization: {input} input, {output} output per million")
            }
        }
    }
}

impl Prices {
    /// Those of a provider that an organization added.
    pub(crate) fn of_added(added: &CustomProvider) -> Self {
        match added.kind {
            ProviderKind::Azure => Self::OfOpenAi(added.models.clone()),
            ProviderKind::OpenaiCompatible => Self::Said(added.price.map(|price| {
                let name = added.name.as_str();
                Arc::new(Price::flat(name, price.input, price.output))
            })),
        }
    }

    /// The price of a model of this provider; `None` where nobody knows it.
    pub(crate) fn of(
        &self,
        book: &'static PriceBook,
        (provider, model): (&Provider, &str),
        at: Timestamp,
    ) -> Option<Priced> {
        match self {
            Self::Book => book.price(provider.as_str(), model, at).map(Priced::Book),
            Self::Said(price) => price.clone().map(Priced::Said),
            Self::OfOpenAi(deployments) => {
                let behind = deployments.get(model)?;
                book.price("openai", behind, at).map(Priced::Book)
            }
        }
    }
}

//! The models of one provider, and the history of each one's price.

use std::collections::BTreeMap;

use foldhash::HashMap;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use money::Nanodollars;

use crate::{
    book::{ModelFault, PriceBookError},
    file::{ModelFile, PriceRow, ProviderFile},
    names::NameRules,
    price::Price,
    rates::{RateCard, Rates, Tier},
};

#[derive(Debug)]
pub(crate) struct Catalogue {
    models: Vec<Model>,
    /// The place of each model by each name written out, in lower case.
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
pub(crate) struct Model {
    id: String,
    rules: NameRules,
    /// Oldest first, without gaps.
    history: Vec<Price>,
}

impl Catalogue {
    pub(crate) fn build(provider: &str, file: ProviderFile) -> Result<Self, PriceBookError> {
        let mut catalogue = Self {
            models: Vec::new(),
            by_name: HashMap::default(),
        };
        for model in file.models {
            let names = (!model.unlisted)
                .then_some(&model.id)
                .into_iter()
                .chain(&model.aliases);
            for name in names {
                let place = catalogue.models.len();
                if catalogue
                    .by_name
                    .insert(name.to_ascii_lowercase(), place)
                    .is_some()
                {
                    return Err(ModelFault::Name.of(provider, name));
                }
            }
            check(&model).map_err(|fault| fault.of(provider, &model.id))?;
            catalogue.models.push(Model::build(&file.source, model)?);
        }
        Ok(catalogue)
    }

    /// By a name written out, or else by the closest rule. `name` is in lower case.
    pub(crate) fn find(&self, name: &str) -> Option<&Model> {
        if let Some(&place) = self.by_name.get(name) {
            return self.models.get(place);
        }
        let covering = self
            .models
            .iter()
            .filter_map(|model| Some((model.rules.closeness(name)?, model)));
        covering
            .max_by_key(|(closeness, _)| *closeness)
            .map(|(_, model)| model)
    }

    /// The chief names that the provider takes as such.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let ids = self.models.iter().map(|model| model.id.as_str());
        ids.filter(|id| self.by_name.contains_key(&id.to_ascii_lowercase()))
    }
}

impl Model {
    pub(crate) fn price_at(&self, at: Timestamp) -> Option<&Price> {
        self.history.iter().find(|price| price.applies_at(at))
    }

    fn build(page: &str, file: ModelFile) -> Result<Self, PriceBookError> {
        let template = Price {
            model: file.id.clone(),
            source: file.source.unwrap_or_else(|| page.to_owned()),
            from: None,
            to: None,
            context_window: file.context_window,
            max_output_tokens: file.max_output_tokens,
            of_any_kind: false,
            minimum_audio_seconds: file.minimum_audio_seconds,
            card: RateCard::default(),
            service_tiers: BTreeMap::new(),
        };
        let rows = file.prices.into_iter().map(|row| price_of(row, &template));
        let history = rows.collect::<Result<_, _>>()?;
        Ok(Self {
            id: file.id,
            rules: file.rules,
            history,
        })
    }
}

fn price_of(row: PriceRow, template: &Price) -> Result<Price, PriceBookError> {
    let period = Price {
        from: row.from.map(start_of).transpose()?,
        to: row.to.map(start_of).transpose()?,
        ..template.clone()
    };
    let tiers = row.service_tiers.into_iter();
    let service_tiers = tiers
        .map(|(name, card)| {
            (
                name,
                Price {
                    card,
                    ..period.clone()
                },
            )
        })
        .collect();
    Ok(Price {
        card: RateCard {
            rates: row.rates,
            tiers: row.tiers,
        },
        service_tiers,
        ..period
    })
}

/// Midnight UTC, as providers and the source mean it.
fn start_of(day: Date) -> Result<Timestamp, jiff::Error> {
    Ok(day.to_zoned(TimeZone::UTC)?.timestamp())
}

fn check(model: &ModelFile) -> Result<(), ModelFault> {
    let follows = |rows: &[PriceRow]| match rows {
        [earlier, later] => earlier.to.is_some() && earlier.to == later.from,
        _ => true,
    };
    if !model.prices.windows(2).all(follows) {
        return Err(ModelFault::Periods);
    }
    if model.prices.is_empty() {
        return Err(ModelFault::NoPrice);
    }
    for row in &model.prices {
        let period_is_empty = row.from.zip(row.to).is_some_and(|(from, to)| from >= to);
        if period_is_empty {
            return Err(ModelFault::Periods);
        }
        check_rates(&row.rates, &row.tiers)?;
        for card in row.service_tiers.values() {
            check_rates(&card.rates, &card.tiers)?;
        }
    }
    Ok(())
}

fn check_rates(base: &Rates, tiers: &[Tier]) -> Result<(), ModelFault> {
    if !tiers.is_sorted_by(|a, b| a.above_input_tokens < b.above_input_tokens) {
        return Err(ModelFault::Rates);
    }
    for rates in tiers.iter().map(|tier| &tier.rates).chain([base]) {
        if rates.all().any(|rate| rate < Nanodollars::ZERO) {
            return Err(ModelFault::Rates);
        }
        if rates.all().next().is_none() {
            return Err(ModelFault::NoPrice);
        }
    }
    Ok(())
}

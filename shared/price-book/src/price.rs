//! The price of one model in one period.

use std::collections::BTreeMap;

use jiff::Timestamp;
use money::Nanodollars;

use crate::{
    amount::Amount,
    rates::{RateCard, Rates},
    usage::{Ceiling, TokenUsage, Unit},
};

/// What [`Price::worst_case`] says of a model whose cost the number of tokens does not bound.
/// It is above every limit, so a call is refused rather than let through unmeasured.
pub const UNBOUNDED: Nanodollars = Nanodollars::from_nanos(i64::MAX);

/// The names for which a provider charges its standard price.
const STANDARD_SERVICE_TIERS: [&str; 4] = ["default", "standard", "standard_only", "on_demand"];

/// The price of one model in one period, in one service tier.
#[derive(Debug, Clone)]
pub struct Price {
    /// The rates are those of whatever kind.
    pub(crate) of_any_kind: bool,
    pub(crate) model: String,
    pub(crate) source: String,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    pub(crate) context_window: Option<u64>,
    pub(crate) max_output_tokens: Option<u32>,
    pub(crate) minimum_audio_seconds: u64,
    pub(crate) card: RateCard,
    pub(crate) service_tiers: BTreeMap<String, Price>,
}

impl Price {
    /// The same for every model of a provider: USD for a million tokens of input and of output, of
    /// whatever kind. For what no book holds.
    #[must_use]
    pub fn flat(provider: &str, input: Nanodollars, output: Nanodollars) -> Self {
        let rates = Rates {
            input: Some(input),
            output: Some(output),
            ..Rates::default()
        };
        Self {
            of_any_kind: true,
            model: provider.to_owned(),
            source: "the organization".to_owned(),
            from: None,
            to: None,
            context_window: None,
            max_output_tokens: None,
            minimum_audio_seconds: 0,
            card: RateCard {
                rates,
                tiers: Vec::new(),
            },
            service_tiers: BTreeMap::new(),
        }
    }

    /// What `usage` costs: summed exactly, rounded up once to the nano-dollar.
    ///
    /// A kind of use without a rate (an output of an embedding model, a search by a model that has
    /// none) adds nothing. A cost beyond the type is the largest amount.
    #[must_use]
    pub fn cost(&self, usage: &TokenUsage) -> Nanodollars {
        let audio_seconds = self.charged_seconds(usage.audio_seconds);
        let usage = TokenUsage {
            audio_seconds,
            ..*usage
        };
        self.card
            .for_input(usage.whole_input())
            .cost(&usage)
            .rounded_up()
    }

    /// The most a call can cost that reads at most `input_tokens` and writes at most
    /// `output_tokens`, whatever part of them is cached, written to a cache, audio, image, video or
    /// reasoning, and whichever tier it reaches. Never falls when either number grows.
    ///
    /// Tools the provider charges by the use are not in it, see [`Price::worst_case_of`].
    /// [`UNBOUNDED`] where the model is charged by time or by characters.
    #[must_use]
    pub fn worst_case(&self, input_tokens: u64, output_tokens: u64) -> Nanodollars {
        if self.card.all().any(Rates::charge_time_or_characters) {
            return UNBOUNDED;
        }
        let ceiling = Ceiling {
            input: input_tokens,
            output: output_tokens,
            ..Ceiling::default()
        };
        self.worst_case_of(&ceiling)
    }

    /// The most a call can cost that stays below `ceiling` in everything it names.
    #[must_use]
    pub fn worst_case_of(&self, ceiling: &Ceiling) -> Nanodollars {
        let audio_seconds = self.charged_seconds(ceiling.audio_seconds);
        let ceiling = Ceiling {
            audio_seconds,
            ..*ceiling
        };
        let reachable = self.card.reachable(ceiling.input);
        let worst = reachable.map(|rates| rates.worst_case(&ceiling)).max();
        worst.map_or(Nanodollars::ZERO, Amount::rounded_up)
    }

    /// What `usage` costs in the dearest service tier there is: where the provider names one that has
    /// no published price.
    #[must_use]
    pub fn cost_in_any_service_tier(&self, usage: &TokenUsage) -> Nanodollars {
        let tiers = self.service_tiers.values().map(|price| price.cost(usage));
        tiers.fold(self.cost(usage), Nanodollars::max)
    }

    /// Whether the model has a rate for writing what is not text.
    #[must_use]
    pub fn writes_media(&self) -> bool {
        self.card.all().any(Rates::charge_media_output)
    }

    /// Whether the model has a rate for writing images, still or moving, so that it may write some
    /// unasked.
    #[must_use]
    pub fn writes_images(&self) -> bool {
        let written = |rates: &Rates| rates.image_output.or(rates.video_output).is_some();
        self.card.all().any(written)
    }

    /// Whether some of what a call brings beside text has a rate of its own: sounds, images, or files of
    /// whatever kind.
    #[must_use]
    pub fn reads_apart(&self, sounds: bool, images: bool, files: bool) -> bool {
        self.card.all().any(|rates| {
            let heard = rates.audio_input.or(rates.cached_audio_input).is_some();
            let seen = rates.image_input.or(rates.cached_image_input).is_some();
            (sounds || files) && heard
                || (images || files) && seen
                || files && rates.video_input.is_some()
        })
    }

    /// Whether it is known what images cost that it writes.
    #[must_use]
    pub fn rates_images(&self) -> bool {
        self.of_any_kind || self.writes_images()
    }

    /// Whether it is known what sounds cost that it writes.
    #[must_use]
    pub fn rates_sounds(&self) -> bool {
        self.of_any_kind || self.card.all().any(|rates| rates.audio_output.is_some())
    }

    /// Whether sounds that it reads have a rate of their own.
    #[must_use]
    pub fn rates_heard(&self) -> bool {
        self.of_any_kind || self.card.all().any(|rates| rates.audio_input.is_some())
    }

    /// What `usage` costs if its input and its output are of the dearest kind there is: for usage
    /// that does not tell kinds apart, of calls that have more than one.
    #[must_use]
    pub fn cost_of_dearest_kinds(
        &self,
        usage: &TokenUsage,
        (input, output): (bool, bool),
    ) -> Nanodollars {
        let kinds = |any: bool| {
            if any {
                Kind::ALL.as_slice()
            } else {
                &[Kind::Text]
            }
        };
        let read = kinds(input).iter().map(|kind| kind.read(usage));
        let all = read.flat_map(|usage| kinds(output).iter().map(move |kind| kind.written(&usage)));
        all.map(|usage| self.cost(&usage))
            .max()
            .unwrap_or(Nanodollars::ZERO)
    }

    /// The price in the service tier the provider calls `name` (`flex`, `priority`, `fast`,
    /// `batch`; `default` and `standard` are this price). `None` where none is published: such a
    /// tier is not to be asked for under a spend limit.
    #[must_use]
    pub fn in_service_tier(&self, name: &str) -> Option<&Self> {
        if STANDARD_SERVICE_TIERS.contains(&name) {
            Some(self)
        } else {
            self.service_tiers.get(name)
        }
    }

    /// The dearest of this price and its service tiers for a call below `ceiling`: what a call can
    /// cost when the provider may choose the tier (`auto`).
    #[must_use]
    pub fn worst_case_in_any_service_tier(&self, ceiling: &Ceiling) -> Nanodollars {
        let tiers = self
            .service_tiers
            .values()
            .map(|price| price.worst_case_of(ceiling));
        tiers.fold(self.worst_case_of(ceiling), Nanodollars::max)
    }

    /// What the model counts, where that is one thing alone: `None` where it counts several, or
    /// not the same in every tier.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        let mut units = self.card.all().map(Rates::unit);
        let first = units.next()??;
        units.all(|unit| unit == Some(first)).then_some(first)
    }

    /// What a million tokens of plain input and of plain output cost in the first tier: by these a
    /// provider that resells a model is told how dear a seller may be.
    #[must_use]
    pub fn listed(&self) -> (Nanodollars, Nanodollars) {
        let Rates { input, output, .. } = self.card.rates;
        let listed = |rate: Option<Nanodollars>| rate.unwrap_or(Nanodollars::ZERO);
        (listed(input), listed(output))
    }

    /// The most tokens the model writes in one answer, where known.
    #[must_use]
    pub fn max_output_tokens(&self) -> Option<u32> {
        self.max_output_tokens
    }

    /// The most tokens the model reads, where known.
    #[must_use]
    pub fn context_window(&self) -> Option<u64> {
        self.context_window
    }

    /// The model the price is listed under; the name asked for may be one of its aliases.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The page the price was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// From when the price applies; `None`: for as long as the book knows.
    #[must_use]
    pub fn applies_from(&self) -> Option<Timestamp> {
        self.from
    }

    /// Whether the price applies at `at`. The end of its period is not in it.
    pub(crate) fn applies_at(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }

    fn charged_seconds(&self, seconds: u64) -> u64 {
        if seconds == 0 {
            0
        } else {
            seconds.max(self.minimum_audio_seconds)
        }
    }
}

/// What tokens may stand for.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Sound,
    Image,
    Video,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Text, Self::Sound, Self::Image, Self::Video];

    /// As if all that was read had been of this kind.
    fn read(self, usage: &TokenUsage) -> TokenUsage {
        let (read, cached) = (
            usage.input.saturating_sub(usage.cache_write),
            usage.cached_input,
        );
        let mut usage = *usage;
        match self {
            Self::Text => {}
            Self::Sound => (usage.audio_input, usage.cached_audio_input) = (read, cached),
            Self::Image => (usage.image_input, usage.cached_image_input) = (read, cached),
            Self::Video => usage.video_input = read.saturating_sub(cached),
        }
        usage
    }

    /// As if all that was written and not thought had been.
    fn written(self, usage: &TokenUsage) -> TokenUsage {
        let written = usage.output.saturating_sub(usage.reasoning);
        let mut usage = *usage;
        match self {
            Self::Text => {}
            Self::Sound => usage.audio_output = written,
            Self::Image => usage.image_output = written,
            Self::Video => usage.video_output = written,
        }
        usage
    }
}

//! The names of the form's fields, provider by provider.

/// The names of one provider's fields.
#[derive(Debug)]
pub(crate) struct Names {
    /// `every` or `named`, where an app asked for every model and may get it.
    pub scope: &'static str,
    /// The models ticked, where an app named them.
    pub models: &'static str,
    /// The models written down, where it did not.
    pub named: &'static str,
    /// The capabilities ticked.
    pub capabilities: &'static str,
    /// The five limits, in the order of the contract.
    pub limits: [&'static str; 5],
    /// The same five, where tighter ones are tried first.
    pub shadow: [&'static str; 5],
    /// How long it lasts.
    pub lifetime: &'static str,
    /// The key that pays.
    pub key: &'static str,
}

macro_rules! names {
    ($($index:literal)*) => { [$(Names {
        scope: concat!("d", $index, ".scope"),
        models: concat!("d", $index, ".models"),
        named: concat!("d", $index, ".named"),
        capabilities: concat!("d", $index, ".capabilities"),
        limits: [
            concat!("d", $index, ".monthly_spend"),
            concat!("d", $index, ".daily_spend"),
            concat!("d", $index, ".requests_per_minute"),
            concat!("d", $index, ".requests_per_day"),
            concat!("d", $index, ".tokens_per_request"),
        ],
        shadow: [
            concat!("d", $index, ".shadow.monthly_spend"),
            concat!("d", $index, ".shadow.daily_spend"),
            concat!("d", $index, ".shadow.requests_per_minute"),
            concat!("d", $index, ".shadow.requests_per_day"),
            concat!("d", $index, ".shadow.tokens_per_request"),
        ],
        lifetime: concat!("d", $index, ".lifetime"),
        key: concat!("d", $index, ".key"),
    }),*] };
}

/// For the most providers that one request may name. What a request had beyond them would not be
/// decided, and a decision that leaves something out is refused whole.
pub(crate) static NAMES: [Names; 8] = names!(0 1 2 3 4 5 6 7);

impl Names {
    /// The fields that stand once.
    pub(crate) fn once(&self) -> impl Iterator<Item = &'static str> {
        [self.scope, self.named, self.lifetime, self.key]
            .into_iter()
            .chain(self.limits)
    }

    /// The fields that are lists.
    pub(crate) fn lists(&self) -> impl Iterator<Item = &'static str> {
        [self.models, self.capabilities].into_iter()
    }
}

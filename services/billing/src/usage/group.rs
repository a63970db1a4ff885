//! By what usage is added up.

use std::str::FromStr;

/// One thing to add up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The app's name as the person saw it when they granted.
    App,
    /// Who granted.
    User,
    /// The model the app named.
    Model,
    /// The grant.
    Grant,
    /// The UTC day.
    Day,
    /// The provider.
    Provider,
}

impl Group {
    const ALL: [(&'static str, Self); 6] = [
        ("app", Self::App),
        ("user", Self::User),
        ("model", Self::Model),
        ("grant", Self::Grant),
        ("day", Self::Day),
        ("provider", Self::Provider),
    ];
}

/// A set of [`Group`]s; the empty one adds everything up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups(Vec<Group>);

/// Why a text is not a list of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// A word that is none.
    #[error(
        "`group_by` is a list of app, user, model, grant, day and provider, with commas between"
    )]
    Unknown,
    /// The same word twice.
    #[error("`group_by` names {0} twice")]
    Twice(&'static str),
}

impl Groups {
    /// These groups.
    #[must_use]
    pub fn of(groups: &[Group]) -> Self {
        Self(groups.to_vec())
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn has(&self, group: Group) -> bool {
        self.0.contains(&group)
    }
}

impl FromStr for Groups {
    type Err = GroupsError;

    fn from_str(text: &str) -> Result<Self, GroupsError> {
        let mut groups = Self::default();
        for word in text.split(',') {
            let known = Group::ALL.into_iter().find(|(name, _)| *name == word);
            let (name, group) = known.ok_or(GroupsError::Unknown)?;
            if groups.has(group) {
                return Err(GroupsError::Twice(name));
            }
            groups.0.push(group);
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_known_words_each_once() {
        assert_eq!("app,day".parse(), Ok(Groups::of(&[Group::App, Group::Day])));
        for bad in ["", ",", "app,", "App", "app, day", "key", "app;day"] {
            assert_eq!(bad.parse::<Groups>(), Err(GroupsError::Unknown), "{bad}");
        }
        assert_eq!("app,app".parse::<Groups>(), Err(GroupsError::Twice("app")));
    }
}

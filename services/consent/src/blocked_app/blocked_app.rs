//! The life of a block: in force until its person takes it back.

use event_store::Aggregate;
use events::{AppIdentity, AppKey, BlockedAppEvent};
use ids::UserId;

/// A block, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BlockedApp {
    /// Nobody is blocked yet.
    #[default]
    None,
    /// In force.
    Blocked {
        /// Who blocks.
        user: UserId,
    },
    /// Taken back.
    Unblocked,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such block.
    #[error("there is no such blocked app")]
    Unknown,
    /// It exists already.
    #[error("this app is blocked already")]
    Exists,
}

impl BlockedApp {
    /// A person blocks an app.
    ///
    /// # Errors
    /// When a block of this id exists.
    pub fn block(
        &self,
        user: UserId,
        key: AppKey,
        app: AppIdentity,
    ) -> Result<BlockedAppEvent, Refusal> {
        match self {
            Self::None => Ok(BlockedAppEvent::Blocked { user, key, app }),
            _ => Err(Refusal::Exists),
        }
    }

    /// The person lets it ask again. Another person's block is as unknown as none.
    ///
    /// # Errors
    /// When there is no such block in force.
    pub fn unblock(&self, by: UserId) -> Result<BlockedAppEvent, Refusal> {
        match self {
            Self::Blocked { user } if *user == by => Ok(BlockedAppEvent::Unblocked {}),
            _ => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for BlockedApp {
    type Event = BlockedAppEvent;

    fn apply(&mut self, event: &BlockedAppEvent) {
        *self = match event {
            BlockedAppEvent::Blocked { user, .. } => Self::Blocked { user: *user },
            BlockedAppEvent::Unblocked {} => Self::Unblocked,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Verification;

    #[test]
    fn a_block_is_taken_back_once_and_by_its_own_person() {
        let at = "2026-11-22T12:00:00Z".parse().unwrap();
        let (person, other) = (UserId::new(at), UserId::new(at));
        let app = AppIdentity {
            app: None,
            name: "App".to_owned(),
            url: None,
            verification: Verification::DomainVerified,
            registration: None,
        };
        let key = AppKey::Domain {
            domain: "app.test".to_owned(),
        };
        let mut block = BlockedApp::default();
        assert_eq!(block.unblock(person), Err(Refusal::Unknown));
        block.apply(&block.block(person, key.clone(), app.clone()).unwrap());
        assert_eq!(block.block(person, key, app), Err(Refusal::Exists));
        assert_eq!(block.unblock(other), Err(Refusal::Unknown));
        block.apply(&block.unblock(person).unwrap());
        assert_eq!(block.unblock(person), Err(Refusal::Unknown));
    }
}

//! By what right a grant is ended.

use ids::{AppId, TenantId};
use sessions::{Permission, SignedIn};

use super::{Grant, Refusal, store::owned};
use crate::vault::Actor;

/// By what right a grant is ended. Whoever ends one says so: no right is assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// That of the person who granted it, for whom the actor acts.
    Owner,
    /// That of an administrator, over every grant of their organization.
    Organization(Administrator),
    /// The app is removed, and what it was granted ends with it.
    Removal(AppId),
}

/// Somebody who may end every grant of their organization. Only a role that may makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Administrator {
    tenant: TenantId,
}

impl Administrator {
    /// The administrator that this person is; `None` when they are none.
    #[must_use]
    pub fn of(person: &SignedIn) -> Option<Self> {
        person.can(Permission::ManageGrants).then_some(Self {
            tenant: person.tenant,
        })
    }
}

impl Authority {
    /// Refuses a grant over which the actor has not this right, as one that does not exist.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub(super) fn over(self, grant: &Grant, actor: &Actor) -> Result<(), Refusal> {
        let has = match self {
            Self::Owner => return owned(grant, actor.user),
            Self::Organization(administrator) => administrator.tenant == actor.tenant,
            Self::Removal(app) => match grant {
                Grant::Live { app: of, .. } => of.app == Some(app),
                Grant::Revoked { .. } | Grant::None => true,
            },
        };
        if has { Ok(()) } else { Err(Refusal::Unknown) }
    }
}

#[cfg(test)]
mod tests {
    use events::{AppIdentity, Verification};
    use ids::UserId;
    use jiff::Timestamp;
    use sessions::{Role, Via};

    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn signed_in(tenant: TenantId, role: Role) -> SignedIn {
        SignedIn {
            tenant,
            user: UserId::new(now()),
            role,
            name: "Alice".to_owned(),
            via: Via::ApiToken {
                id: ids::ApiTokenId::new(now()),
            },
        }
    }

    fn actor(person: &SignedIn) -> Actor {
        Actor {
            tenant: person.tenant,
            user: person.user,
            name: person.user.to_string(),
            correlation_id: "test".to_owned(),
        }
    }

    fn live(user: UserId, app: AppId) -> Grant {
        Grant::Live {
            user,
            app: AppIdentity {
                app: Some(app),
                name: "Recipes".to_owned(),
                url: None,
                verification: Verification::OrganizationApproved,
                registration: None,
            },
            details: vec![],
            token_issued: true,
            due: 0,
            shadows: vec![],
        }
    }

    #[test]
    fn only_who_manages_grants_is_an_administrator() {
        for role in Role::ALL {
            let administrator = Administrator::of(&signed_in(TenantId::new(now()), role));
            let may = matches!(role, Role::Owner | Role::Admin);
            assert_eq!(administrator.is_some(), may, "{role}");
        }
    }

    #[test]
    fn each_right_reaches_as_far_as_it_says() {
        let app = AppId::new(now());
        let admin = signed_in(TenantId::new(now()), Role::Admin);
        let member = signed_in(admin.tenant, Role::Member);
        let grant = live(member.user, app);
        let organization = Authority::Organization(Administrator::of(&admin).unwrap());
        let elsewhere = signed_in(TenantId::new(now()), Role::Owner);
        let elsewhere = Administrator::of(&elsewhere).unwrap();
        for (authority, actor, has) in [
            (Authority::Owner, actor(&member), true),
            (Authority::Owner, actor(&admin), false),
            (organization, actor(&admin), true),
            (Authority::Organization(elsewhere), actor(&admin), false),
            (Authority::Removal(app), actor(&admin), true),
            (Authority::Removal(AppId::new(now())), actor(&admin), false),
        ] {
            let found = authority.over(&grant, &actor).is_ok();
            assert_eq!(found, has, "{authority:?} {}", actor.name);
        }
    }
}

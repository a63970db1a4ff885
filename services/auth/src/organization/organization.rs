//! The rules of an organization: pure.

use event_store::Aggregate;
use events::OrganizationEvent;
use ids::ConnectionId;

use super::OrganizationName;

/// More identity providers than any organization signs in through.
const MOST_CONNECTIONS: usize = 10;

/// An organization, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Organization {
    /// Not there yet.
    #[default]
    None,
    /// There.
    Created {
        /// The identity providers its people sign in through.
        connections: Vec<Connected>,
    },
}

/// An identity provider of an organization, as far as events tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    connection: ConnectionId,
    issuer: String,
    client_id: String,
}

/// Why nothing was done with an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It exists already.
    #[error("the organization exists already")]
    Exists,
    /// There is no such organization.
    #[error("there is no such organization")]
    Unknown,
    /// The issuer belongs to another connection, which is to be changed instead.
    #[error("this identity provider is connected already")]
    IssuerConnected,
    /// A connection keeps its issuer: people are known by both.
    #[error("a connection keeps its issuer")]
    IssuerChanged,
    /// There are more connections than anybody uses.
    #[error("an organization has at most 10 identity providers")]
    TooMany,
}

impl Organization {
    /// Somebody sets it up.
    ///
    /// # Errors
    /// When it exists.
    pub fn create(&self, name: &OrganizationName) -> Result<OrganizationEvent, Refusal> {
        match self {
            Self::None => Ok(OrganizationEvent::Created {
                name: name.as_str().to_owned(),
            }),
            Self::Created { .. } => Err(Refusal::Exists),
        }
    }

    /// Its people sign in through this identity provider from now on. `None` when they do already,
    /// under the same client id.
    ///
    /// # Errors
    /// When the issuer is another connection's, or the connection another issuer's.
    pub fn connect_sso(
        &self,
        connection: ConnectionId,
        issuer: &str,
        client_id: &str,
    ) -> Result<Option<OrganizationEvent>, Refusal> {
        let Self::Created { connections } = self else {
            return Err(Refusal::Unknown);
        };
        for known in connections {
            match (known.connection == connection, known.issuer == issuer) {
                (true, true) if known.client_id == client_id => return Ok(None),
                (true, false) => return Err(Refusal::IssuerChanged),
                (false, true) => return Err(Refusal::IssuerConnected),
                _ => {}
            }
        }
        let is_new = connections
            .iter()
            .all(|known| known.connection != connection);
        if is_new && connections.len() >= MOST_CONNECTIONS {
            return Err(Refusal::TooMany);
        }
        Ok(Some(OrganizationEvent::SsoConnected {
            connection,
            issuer: issuer.to_owned(),
            client_id: client_id.to_owned(),
        }))
    }
}

impl Aggregate for Organization {
    type Event = OrganizationEvent;

    fn apply(&mut self, event: &OrganizationEvent) {
        match (event, &mut *self) {
            (OrganizationEvent::Created { .. }, Self::None) => {
                *self = Self::Created {
                    connections: Vec::new(),
                };
            }
            (
                OrganizationEvent::SsoConnected {
                    connection,
                    issuer,
                    client_id,
                },
                Self::Created { connections },
            ) => {
                connections.retain(|known| known.connection != *connection);
                connections.push(Connected {
                    connection: *connection,
                    issuer: issuer.clone(),
                    client_id: client_id.clone(),
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.acme.test";

    fn at() -> jiff::Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn given(events: &[OrganizationEvent]) -> Organization {
        let mut organization = Organization::default();
        events.iter().for_each(|event| organization.apply(event));
        organization
    }

    fn created() -> OrganizationEvent {
        OrganizationEvent::Created {
            name: "Acme".to_owned(),
        }
    }

    fn connected(connection: ConnectionId, issuer: &str) -> OrganizationEvent {
        let (issuer, client_id) = (issuer.to_owned(), "latchkey".to_owned());
        OrganizationEvent::SsoConnected {
            connection,
            issuer,
            client_id,
        }
    }

    #[test]
    fn an_organization_is_created_once() {
        let name = "Acme".parse().unwrap();
        assert_eq!(given(&[]).create(&name), Ok(created()));
        assert_eq!(given(&[created()]).create(&name), Err(Refusal::Exists));
    }

    #[test]
    fn connecting_the_same_again_says_nothing_new() {
        let one = ConnectionId::new(at());
        let organization = given(&[created(), connected(one, ISSUER)]);
        assert_eq!(organization.connect_sso(one, ISSUER, "latchkey"), Ok(None));
        let renamed = organization.connect_sso(one, ISSUER, "latchkey-2").unwrap();
        assert!(matches!(
            renamed,
            Some(OrganizationEvent::SsoConnected { .. })
        ));
    }

    #[test]
    fn an_issuer_and_its_connection_stay_together() {
        let (one, other) = (ConnectionId::new(at()), ConnectionId::new(at()));
        let organization = given(&[created(), connected(one, ISSUER)]);
        let refused = organization.connect_sso(other, ISSUER, "latchkey");
        assert_eq!(refused, Err(Refusal::IssuerConnected));
        let refused = organization.connect_sso(one, "https://evil.test", "latchkey");
        assert_eq!(refused, Err(Refusal::IssuerChanged));
    }

    #[test]
    fn there_is_a_most_of_connections() {
        let mut events = vec![created()];
        events
            .extend((0..10).map(|n| connected(ConnectionId::new(at()), &format!("{ISSUER}/{n}"))));
        let refused = given(&events).connect_sso(ConnectionId::new(at()), ISSUER, "latchkey");
        assert_eq!(refused, Err(Refusal::TooMany));
    }

    #[test]
    fn nobody_signs_in_to_what_is_not_there() {
        let refused = given(&[]).connect_sso(ConnectionId::new(at()), ISSUER, "latchkey");
        assert_eq!(refused, Err(Refusal::Unknown));
    }
}

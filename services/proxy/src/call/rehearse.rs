//! Refusals on demand, for those who build apps.

use crate::{
    call::reserve::Reserved,
    error::{GrantedAt, Refusal},
    provider::Place,
    sandbox,
};

impl Reserved {
    /// Refuses a call to one of the sandbox's models that stand for a refusal of the vault. Every
    /// true reason has been looked for before; what was held is given back, as nothing was sent.
    ///
    /// # Errors
    /// With the refusal that the model stands for.
    pub fn rehearse(self) -> Result<Self, Refusal> {
        let call = &self.authorized;
        let upstream = &call.received.route.upstream;
        // Only a charged call can be refused for what it may cost; a list of models is just shown.
        if upstream.place != Place::Sandbox || !call.received.route.endpoint.is_charged() {
            return Ok(self);
        }
        let at = GrantedAt {
            grant: call.access.grant,
            provider: upstream.name().clone(),
        };
        match sandbox::refusal(at, &call.ask.model, &call.limits, call.began_at) {
            Some(refusal) => Err(refusal),
            None => Ok(self),
        }
    }
}

//! Extractors of queries and forms.

use std::{
    future::{Future, Ready, ready},
    pin::Pin,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;
use sessions::SignedIn;

use crate::{
    body, csrf,
    parameters::Parameters,
    person::{PageRefusal, page_person, require},
    problem::Problem,
    site::Site,
};

/// A query taken strictly: a parameter that stands twice is refused unless its type is a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictQuery<T>(pub T);

/// A form body (`application/x-www-form-urlencoded`) taken as strictly, from whomever.
///
/// For forms of programs (OAuth) and for the sign-in form, there beside [`crate::SameOrigin`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictForm<T>(pub T);

/// A form that a page posted for a signed-in person.
///
/// Nobody signed in: sent to sign in. From a foreign page, or without the session's token in the
/// field `csrf` or the header `x-csrf-token`: 403. The field is taken out before the rest is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedForm<T> {
    /// Who sent it.
    pub person: SignedIn,
    /// What it says.
    pub form: T,
}

impl<T> SignedForm<T> {
    /// Refuses unless the person may do this.
    ///
    /// # Errors
    /// 403, naming the role.
    pub fn require(&self, permission: sessions::Permission) -> Result<(), Problem> {
        require(&self.person, permission)
    }
}

impl<T: DeserializeOwned> FromRequest for StrictQuery<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parameters = Parameters::parse(request.query_string().as_bytes());
        ready(parameters.and_then(Parameters::into_type).map(Self))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for StrictForm<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parameters = read_parameters(request, payload);
        Box::pin(async move { parameters.await?.into_type().map(Self) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for SignedForm<T> {
    type Error = PageRefusal;
    type Future = Pin<Box<dyn Future<Output = Result<Self, PageRefusal>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let parameters = read_parameters(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let person = page_person(&request).await?;
            if person.csrf().is_some() {
                csrf::same_origin(&request, Site::of(&request)?)?;
            }
            let mut parameters = parameters.await?;
            match parameters.take(csrf::CSRF_FIELD) {
                Some(sent) => csrf::token(&person, Some(&sent))?,
                None => csrf::header_token(&request, &person)?,
            }
            Ok(Self {
                person,
                form: parameters.into_type()?,
            })
        })
    }
}

fn read_parameters(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<Parameters, Problem>> + use<> {
    let accepted = body::expect_media_type(request.headers(), "application/x-www-form-urlencoded");
    let limit = body::limit_of(request);
    let declared = body::declared_length(request.headers());
    let payload = payload.take();
    async move {
        accepted?;
        let text = body::read_whole(payload, limit, declared).await?;
        Parameters::parse(body::utf8(&text)?.as_bytes())
    }
}

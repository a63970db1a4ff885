//! What is answered where no route answers.

use std::{collections::HashMap, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, HeaderValue},
    web,
};
use utoipa::openapi::{OpenApi, PathItem};

use crate::problem::Problem;

/// Which methods each described path takes, for `Allow` (RFC 9110 section 10.2.1).
#[derive(Clone, Default)]
pub(crate) struct Described(Arc<HashMap<String, String>>);

impl Described {
    pub(crate) fn by(documents: &[OpenApi]) -> Self {
        let paths = documents.iter().flat_map(|document| &document.paths.paths);
        Self(Arc::new(
            paths
                .map(|(path, item)| (path.clone(), methods_of(item)))
                .collect(),
        ))
    }
}

fn methods_of(item: &PathItem) -> String {
    let methods = [
        ("GET, HEAD", &item.get),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    let taken = methods
        .into_iter()
        .filter(|(_, operation)| operation.is_some());
    taken.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

/// 405 where another method would be right, else 404.
pub(crate) async fn unknown(request: HttpRequest) -> HttpResponse {
    let Some(pattern) = request.resource_map().match_pattern(request.path()) else {
        return HttpResponse::from_error(Problem::not_found("There is nothing at this address."));
    };
    let detail = "This address does not take this method.";
    let mut response = HttpResponse::from_error(Problem::method_not_allowed(detail));
    let described = request.app_data::<web::Data<Described>>();
    let allowed = described.and_then(|described| described.0.get(&pattern));
    if let Some(Ok(allowed)) = allowed.map(|methods| HeaderValue::from_str(methods)) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

//! Styles, scripts and pictures: compiled in, served with their digest in the address.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::header::{self, HeaderValue},
    web::{Path, ServiceConfig},
};
use aws_lc_rs::digest;

struct Asset {
    name: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
    /// Whether pages of other origins may load it.
    for_everybody: bool,
    /// The first 16 hexadecimal digits of the SHA-256.
    version: String,
}

static ASSETS: LazyLock<[Asset; 10]> = LazyLock::new(|| {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    const PICTURE: &str = "image/svg+xml";
    [
        asset(
            "latchkey.css",
            "text/css; charset=utf-8",
            include_bytes!("../assets/latchkey.css"),
        ),
        asset("enhance.js", SCRIPT, include_bytes!("../assets/enhance.js")),
        asset("inbox.js", SCRIPT, include_bytes!("../assets/inbox.js")),
        asset("popup.js", SCRIPT, include_bytes!("../assets/popup.js")),
        for_everybody("okap.js", SCRIPT, include_bytes!("../assets/okap.js")),
        for_everybody("okap.mjs", SCRIPT, include_bytes!("../assets/okap.mjs")),
        for_everybody(
            "okap.d.ts",
            "text/plain; charset=utf-8",
            include_bytes!("../assets/okap.d.ts"),
        ),
        asset("request.js", SCRIPT, include_bytes!("../assets/request.js")),
        asset("logo.svg", PICTURE, include_bytes!("../assets/logo.svg")),
        asset(
            "favicon.svg",
            PICTURE,
            include_bytes!("../assets/favicon.svg"),
        ),
    ]
});

/// May be kept for a year: another version has another address.
const KEEP: &str = "public, max-age=31536000, immutable";
/// Asked for by name alone, so it may change.
const ASK_AGAIN: &str = "no-cache";

fn asset(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = digest::digest(&digest::SHA256, bytes);
    let version = digest.as_ref()[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Asset {
        name,
        media_type,
        bytes,
        for_everybody: false,
        version,
    }
}

/// An asset that the pages of apps load, too.
fn for_everybody(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
    Asset {
        for_everybody: true,
        ..asset(name, media_type, bytes)
    }
}

fn find(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The versioned address of an asset; without a version if there is no such asset.
#[must_use]
pub fn asset_url(name: &str) -> String {
    match find(name) {
        Some(asset) => format!("/assets/{name}?v={}", asset.version),
        None => format!("/assets/{name}"),
    }
}

/// The routes of the assets: `config.configure(pages::assets)`.
pub fn assets(config: &mut ServiceConfig) {
    config.service(serve).service(favicon);
}

#[get("/assets/{name}")]
async fn serve(request: HttpRequest, name: Path<String>) -> HttpResponse {
    find(&name).map_or_else(
        || HttpResponse::NotFound().finish(),
        |asset| answer(&request, asset),
    )
}

/// Browsers ask for it by this name when no page told them another.
#[get("/favicon.ico")]
async fn favicon(request: HttpRequest) -> HttpResponse {
    find("favicon.svg").map_or_else(
        || HttpResponse::NotFound().finish(),
        |asset| answer(&request, asset),
    )
}

fn answer(request: &HttpRequest, asset: &Asset) -> HttpResponse {
    let tag = format!("\"{}\"", asset.version);
    let versioned = request.query_string() == format!("v={}", asset.version);
    let keep = if versioned { KEEP } else { ASK_AGAIN };
    let known = request.headers().get(header::IF_NONE_MATCH);
    let unchanged = known.is_some_and(|tags| names(tags, &tag));
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::CACHE_CONTROL, keep))
        .insert_header((header::ETAG, tag));
    if asset.for_everybody {
        // A module of another origin is fetched with CORS; a page that isolates itself asks for both.
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
            .insert_header(("cross-origin-resource-policy", "cross-origin"));
    }
    if unchanged {
        return response.finish();
    }
    response
        .insert_header((header::CONTENT_TYPE, asset.media_type))
        .body(asset.bytes)
}

/// Whether a list of entity tags names this one (RFC 9110 section 13.1.2: weakly compared).
fn names(tags: &HeaderValue, tag: &str) -> bool {
    let listed = tags.to_str().unwrap_or_default();
    listed
        .split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

//! Trailers: header fields behind a body (RFC 9112 section 7.1.2). The server knows none, so an
//! answer that has some is cut into chunks here.

use std::{
    error::Error,
    fmt::Write as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, BoxBody, MessageBody},
    http::{
        ConnectionType,
        header::{HeaderValue, TRAILER, TRANSFER_ENCODING},
    },
};
use bytes::{Bytes, BytesMut};

/// Puts these fields, if there are any, behind the body, and says in the head that they come.
pub fn add(response: HttpResponse, fields: &[(&str, String)]) -> HttpResponse {
    if fields.is_empty() {
        return response;
    }
    response.map_body(|head, body| {
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
        let headers = head.headers_mut();
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        for (name, _) in fields {
            if let Ok(name) = HeaderValue::from_str(name) {
                headers.append(TRAILER, name);
            }
        }
        BoxBody::new(Chunked {
            body,
            end: Some(last_chunk(fields)),
        })
    })
}

fn last_chunk(fields: &[(&str, String)]) -> Bytes {
    let mut text = "0\r\n".to_owned();
    for (name, value) in fields {
        // A String takes all that is written.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.into()
}

/// A body in chunks, with trailers behind the last.
struct Chunked {
    body: BoxBody,
    end: Option<Bytes>,
}

impl MessageBody for Chunked {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        loop {
            return match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                // An empty chunk would end the body.
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => Poll::Ready(Some(Ok(chunk(&piece)))),
                Some(Err(error)) => Poll::Ready(Some(Err(error))),
                None => Poll::Ready(this.end.take().map(Ok)),
            };
        }
    }
}

fn chunk(piece: &[u8]) -> Bytes {
    let mut chunk = BytesMut::from(format!("{:x}\r\n", piece.len()).as_bytes());
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk.freeze()
}

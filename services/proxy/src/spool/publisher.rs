//! Sends ended calls over the message bus, in the order of the spool.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    time::Duration,
};

use event_bus::{EventBus, Message};
use ids::CallId;

use crate::spool::{Spool, SpoolError, line, segments::Stretch};

/// Bytes of one batch; a line is about a thousand.
const BATCH_BYTES: u64 = 1024 * 1024;
/// Bytes of one message.
const PARCEL: usize = 64 * 1024;
/// How long the first line of a batch waits for others.
const GATHER: Duration = Duration::from_millis(250);
/// Looks without having been told of news.
const LOOK: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Publishes until `stop` ends; then once more what is there.
pub async fn publish(spool: Spool, bus: EventBus, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut pause = SHORTEST_PAUSE;
    loop {
        let done = publish_all(&spool, &bus, as_u64(PARCEL)).await;
        metrics::gauge!("latchkey_spool_waiting").set(as_gauge(spool.waiting()));
        let wait = async {
            match &done {
                Ok(()) => {
                    drop(tokio::time::timeout(LOOK, spool.0.news.notified()).await);
                    tokio::time::sleep(GATHER).await;
                }
                Err(error) => {
                    metrics::counter!("latchkey_spool_publish_failures_total").increment(1);
                    tracing::warn!(%error, waiting = spool.waiting(), "ended calls are not published");
                    tokio::time::sleep(pause).await;
                }
            }
        };
        tokio::select! {
            () = &mut stop => break,
            () = wait => {}
        }
        pause = if done.is_ok() {
            SHORTEST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
    }
    if let Err(error) = publish_all(&spool, &bus, 0).await {
        tracing::warn!(%error, waiting = spool.waiting(), "calls stay in the spool for the next start");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn as_gauge(count: u64) -> f64 {
    count as f64
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Spool(#[from] SpoolError),
    #[error(transparent)]
    Bus(#[from] event_bus::PublishError),
}

/// Publishes what is there. What comes meanwhile goes with it from `worthwhile` bytes on; fewer wait
/// to be gathered.
async fn publish_all(spool: &Spool, bus: &EventBus, worthwhile: u64) -> Result<(), PublishError> {
    let mut least = 0;
    while let Some(stretch) = spool.0.segments.next_stretch() {
        if stretch.to - stretch.from < least {
            break;
        }
        publish_batch(spool, bus, &stretch).await?;
        least = worthwhile;
    }
    Ok(())
}

/// Publishes the beginning of a stretch and notes how far it was confirmed.
async fn publish_batch(
    spool: &Spool,
    bus: &EventBus,
    stretch: &Stretch,
) -> Result<(), PublishError> {
    let bytes = lines(stretch, BATCH_BYTES).map_err(SpoolError::at(&stretch.path))?;
    let parcels = parcels(&bytes);
    let messages: Vec<Message> = parcels.iter().map(|lines| message(spool, lines)).collect();
    let results = bus.publish(&messages).await;
    let confirmed = results.iter().take_while(|result| result.is_ok()).count();
    let failure = results.into_iter().nth(confirmed).and_then(Result::err);
    let published = parcels.iter().take(confirmed).copied();
    let (length, count) = published.fold((0, 0), |(length, count), lines| {
        (
            length + as_u64(lines.len()),
            count + as_u64(memchr::memchr_iter(b'\n', lines).count()),
        )
    });
    if confirmed > 0 {
        spool
            .0
            .segments
            .note_published(stretch.segment, stretch.from + length, count)?;
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// Whole lines that travel together: a message costs the broker and the recorder more than the
/// line in it.
fn parcels(lines: &[u8]) -> Vec<&[u8]> {
    let mut parcels = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let full = rest.len().min(PARCEL);
        // A line that is longer than a parcel travels alone.
        let last = memchr::memrchr(b'\n', &rest[..full]);
        let end = last.or_else(|| memchr::memchr(b'\n', rest));
        let (parcel, behind) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        parcels.push(parcel);
        rest = behind;
    }
    parcels
}

/// The recorder knows calls by their own ids, so a message's id need only be its own.
fn message(spool: &Spool, lines: &[u8]) -> Message {
    Message {
        id: CallId::new(spool.0.clock.now()).uuid().to_string(),
        routing_key: line::CALL_RECORDED.to_owned(),
        tenant: None,
        body: lines.trim_ascii_end().to_vec(),
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Whole lines from the beginning of the stretch, about this many bytes of them.
pub(super) fn lines(stretch: &Stretch, about: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(&stretch.path)?;
    file.seek(SeekFrom::Start(stretch.from))?;
    let mut wanted = stretch.to.saturating_sub(stretch.from);
    let room = usize::try_from(wanted.min(about)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(room);
    // A line may be longer than a batch.
    loop {
        file.by_ref()
            .take(wanted.min(about))
            .read_to_end(&mut bytes)?;
        let read = u64::try_from(bytes.len()).unwrap_or(0);
        wanted = stretch.to.saturating_sub(stretch.from + read);
        match memchr::memrchr(b'\n', &bytes) {
            Some(last) => {
                bytes.truncate(last + 1);
                return Ok(bytes);
            }
            None if wanted == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => {}
        }
    }
}

#[cfg(test)]
#[path = "publisher_tests.rs"]
mod tests;

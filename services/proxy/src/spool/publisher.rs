//! Sends ended calls over the message bus, in the order of the spool.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    time::Duration,
};

use event_bus::{EventBus, Message};

use crate::spool::{Spool, SpoolError, line, segments::Stretch};

/// Lines of one batch.
const BATCH: usize = 500;
/// Bytes of one batch; a line is about a thousand.
const BATCH_BYTES: u64 = 1024 * 1024;
/// How long the first line of a batch waits for others.
const GATHER: Duration = Duration::from_millis(20);
/// Looks without having been told of news.
const LOOK: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Publishes until `stop` ends; then once more what is there.
pub async fn publish(spool: Spool, bus: EventBus, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut pause = SHORTEST_PAUSE;
    loop {
        let done = publish_all(&spool, &bus).await;
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
    if let Err(error) = publish_all(&spool, &bus).await {
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

async fn publish_all(spool: &Spool, bus: &EventBus) -> Result<(), PublishError> {
    while let Some(stretch) = spool.0.segments.next_stretch() {
        publish_batch(spool, bus, &stretch).await?;
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
    let mut messages = Vec::new();
    let mut ends = Vec::new();
    let mut end = stretch.from;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').take(BATCH) {
        end += u64::try_from(line.len()).unwrap_or(0);
        match line::address(line) {
            Some(address) => {
                messages.push(message(&address, line));
                ends.push(end);
            }
            None => tracing::error!(path = %stretch.path.display(), "a spooled line is unreadable"),
        }
    }
    let results = bus.publish(&messages).await;
    let confirmed = results.iter().take_while(|result| result.is_ok()).count();
    let failure = results.into_iter().nth(confirmed).and_then(Result::err);
    // Unreadable lines behind the last confirmed one are passed with it.
    let reached = if failure.is_none() {
        Some(end)
    } else {
        ends.get(confirmed.wrapping_sub(1)).copied()
    };
    if let Some(to) = reached {
        let lines = u64::try_from(confirmed).unwrap_or(0);
        spool
            .0
            .segments
            .note_published(stretch.segment, to, lines)?;
    }
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn message(address: &line::Address, line: &[u8]) -> Message {
    Message {
        id: address.id.to_string(),
        routing_key: line::CALL_RECORDED.to_owned(),
        tenant: address.tenant,
        body: line.trim_ascii_end().to_vec(),
    }
}

/// Whole lines from the beginning of the stretch, about this many bytes of them.
pub(super) fn lines(stretch: &Stretch, about: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(&stretch.path)?;
    file.seek(SeekFrom::Start(stretch.from))?;
    let mut wanted = stretch.to.saturating_sub(stretch.from);
    let mut bytes = Vec::new();
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

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicU32, Ordering},
};

use events::{CallOutcome, Capability, Measurement, TokenUsage};
use ids::{CallId, GrantId, ProviderKeyId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use proptest::prelude::*;

use super::*;

/// A folder of a test's own, removed with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("latchkey-spool-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

pub(crate) fn record() -> CallRecord {
    CallRecord {
        call: CallId::new(now()),
        tenant: TenantId::new(now()),
        grant: GrantId::new(now()),
        ancestors: vec![],
        budgets: vec![],
        shadows: vec![],
        user: UserId::new(now()),
        app: None,
        app_name: "App \"one\"\n".to_owned(),
        provider: "openai".parse().unwrap(),
        key: ProviderKeyId::new(now()),
        key_version: 1,
        model: "gpt-4o".to_owned(),
        capability: Capability::Chat,
        route: "/chat/completions".to_owned(),
        stream: false,
        cached: false,
        began_at: now(),
        ended_at: now(),
        provider_status: None,
        outcome: CallOutcome::ProxyLost,
        usage: TokenUsage {
            input: 100,
            output: 50,
            ..TokenUsage::default()
        },
        measurement: Measurement::Estimated,
        reserved: Nanodollars::from_nanos(1_000),
        cost: Nanodollars::from_nanos(1_000),
        price_version: "test".to_owned(),
        request_id: "r".to_owned(),
    }
}

pub(super) fn note() -> HoldNote {
    HoldNote {
        epoch: "0".repeat(32),
        at: now(),
    }
}

pub(super) fn final_of(began: &CallRecord) -> CallRecord {
    CallRecord {
        outcome: CallOutcome::Completed,
        measurement: Measurement::Measured,
        cost: Nanodollars::from_nanos(7),
        ..began.clone()
    }
}

const EVERY_SYNC: [SpoolSync; 3] = [SpoolSync::Always, SpoolSync::Soon, SpoolSync::None];

pub(crate) fn open(folder: &Folder) -> Spool {
    open_with(folder, SpoolSync::Always)
}

fn open_with(folder: &Folder, sync: SpoolSync) -> Spool {
    Spool::open(&folder.0, sync, Clock::set(now())).unwrap()
}

/// As the publisher reads them.
fn waiting(spool: &Spool) -> Vec<CallRecord> {
    let mut records = Vec::new();
    for segment in files::segments(spool.0.instance.path()).unwrap() {
        let path = files::ended(spool.0.instance.path(), segment);
        let lines = fs::read(path).unwrap_or_default();
        records.extend(
            lines
                .split_inclusive(|b| *b == b'\n')
                .filter_map(line::whole)
                .map(|line| line.payload),
        );
    }
    records
}

/// As when the process is killed: the lock goes, the files stay.
pub(crate) fn kill(spool: Spool) -> PathBuf {
    let path = spool.0.instance.path().to_owned();
    drop(spool);
    path
}

#[tokio::test]
async fn what_ended_is_on_the_disk_when_it_is_told() {
    let folder = Folder::new();
    let spool = open(&folder);
    let estimated = record();
    let began = spool.began(&estimated, &note()).unwrap();
    assert_eq!(spool.running(), 1);
    spool.ended(&began, &final_of(&estimated)).await.unwrap();
    assert_eq!((spool.running(), spool.waiting()), (0, 1));
    assert_eq!(waiting(&spool), [final_of(&estimated)]);
    assert_eq!(
        spool.unpublished().await.unwrap(),
        [(final_of(&estimated), note())]
    );
}

#[tokio::test]
async fn only_the_owner_may_read_the_spool() {
    let folder = Folder::new();
    let spool = open(&folder);
    let estimated = record();
    let began = spool.began(&estimated, &note()).unwrap();
    spool.ended(&began, &estimated).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(spool.0.instance.path()), 0o700);
    for entry in fs::read_dir(spool.0.instance.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_call_that_died_with_its_process_is_recorded_at_its_estimate() {
    let folder = Folder::new();
    let (lost, ended) = (record(), record());
    let first = open(&folder);
    let _ = first.began(&lost, &note()).unwrap();
    let began = first.began(&ended, &note()).unwrap();
    first.ended(&began, &final_of(&ended)).await.unwrap();
    let left = kill(first);

    let second = open(&folder);
    let taken = recover(&second).await.unwrap();
    assert_eq!(taken.lost, 1);
    // Both holds are to be settled: nobody knows whether the one that ended was.
    let all = [(final_of(&ended), note()), (lost.clone(), note())];
    assert_eq!(taken.calls, all);
    assert_eq!(waiting(&second), [final_of(&ended), lost]);
    assert!(!left.exists());
    assert_eq!(recover(&second).await.unwrap().lost, 0);
}

#[tokio::test]
async fn a_living_process_is_left_alone() {
    let folder = Folder::new();
    let (first, second) = (open(&folder), open(&folder));
    let _ = first.began(&record(), &note()).unwrap();
    assert_eq!(recover(&second).await.unwrap().lost, 0);
    assert!(first.0.instance.path().exists());
}

#[tokio::test]
async fn a_torn_line_was_never_relied_upon() {
    let folder = Folder::new();
    let whole = record();
    let first = open(&folder);
    let _ = first.began(&whole, &note()).unwrap();
    let left = kill(first);
    let path = files::began(&left, 1);
    let line = fs::read(&path).unwrap();
    for cut in 0..line.len() {
        let mut torn = line.clone();
        torn.extend_from_slice(&line[..cut]);
        fs::write(&path, torn).unwrap();
        let found = recovery_of(&left);
        assert_eq!(found, std::slice::from_ref(&whole), "{cut}");
    }
}

fn recovery_of(folder: &Path) -> Vec<CallRecord> {
    let lines = recovery::lost_in(folder, now()).unwrap();
    lines
        .iter()
        .filter_map(|line| line::whole(line))
        .map(|line| line.payload)
        .collect()
}

#[tokio::test]
async fn what_was_published_is_not_taken_over_again() {
    let folder = Folder::new();
    let first = open(&folder);
    let (one, two) = (record(), record());
    for record in [&one, &two] {
        let began = first.began(record, &note()).unwrap();
        first.ended(&began, record).await.unwrap();
    }
    let stretch = first.0.segments.next_stretch().unwrap();
    let length = u64::try_from(line::of(&one, &note()).unwrap().len()).unwrap();
    first
        .0
        .segments
        .note_published(stretch.segment, length, 1)
        .unwrap();
    assert_eq!(first.waiting(), 1);
    kill(first);
    let second = open(&folder);
    assert_eq!(recover(&second).await.unwrap().lost, 0);
    assert_eq!(waiting(&second), [two]);
}

#[tokio::test]
async fn segments_go_when_all_in_them_is_done_and_never_before_an_older_one() {
    let folder = Folder::new();
    let spool = open(&folder);
    let slow = record();
    let held = spool.began(&slow, &note()).unwrap();
    let mut calls = 0;
    while files::segments(spool.0.instance.path()).unwrap().len() < 3 {
        let record = CallRecord {
            app_name: "x".repeat(200_000),
            ..record()
        };
        let began = spool.began(&record, &note()).unwrap();
        spool.ended(&began, &record).await.unwrap();
        calls += 1;
    }
    let publish_all = || {
        while let Some(stretch) = spool.0.segments.next_stretch() {
            spool
                .0
                .segments
                .note_published(stretch.segment, stretch.to, calls)
                .unwrap();
        }
    };
    publish_all();
    // The slow call still runs in the first segment, so nothing is removed: were its `ended`
    // removed before its `began`, it would look lost.
    assert!(files::segments(spool.0.instance.path()).unwrap().len() >= 3);
    spool.ended(&held, &final_of(&slow)).await.unwrap();
    publish_all();
    assert_eq!(files::segments(spool.0.instance.path()).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_at_once_are_all_written_whole() {
    for sync in EVERY_SYNC {
        let folder = Folder::new();
        let spool = open_with(&folder, sync);
        let ends = (0..200).map(|_| {
            let spool = spool.clone();
            tokio::spawn(async move {
                let record = record();
                let began = spool.began(&record, &note()).unwrap();
                spool.ended(&began, &record).await.unwrap();
            })
        });
        for end in futures_util::future::join_all(ends).await {
            end.unwrap();
        }
        assert_eq!(
            (spool.running(), spool.waiting(), waiting(&spool).len()),
            (0, 200, 200),
            "{sync:?}"
        );
        assert_eq!(spool.unpublished().await.unwrap().len(), 200, "{sync:?}");
    }
}

#[tokio::test]
async fn a_disk_that_refuses_is_told_and_tried_again() {
    for sync in EVERY_SYNC {
        let folder = Folder::new();
        let spool = open_with(&folder, sync);
        let record = record();
        let began = spool.began(&record, &note()).unwrap();
        // A folder where the file should be made.
        let path = files::ended(spool.0.instance.path(), 1);
        fs::create_dir(&path).unwrap();
        assert!(spool.ended(&began, &record).await.is_err(), "{sync:?}");
        assert!(spool.check().is_err(), "{sync:?}");
        fs::remove_dir(&path).unwrap();
        let written = async {
            while spool.waiting() == 0 || spool.check().is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), written)
            .await
            .unwrap();
        assert_eq!((spool.running(), spool.waiting()), (0, 1), "{sync:?}");
        assert_eq!(waiting(&spool), [record], "{sync:?}");
    }
}

/// What is written there is taken, and never brought to a disk.
fn takes_and_loses() -> fs::File {
    fs::OpenOptions::new()
        .append(true)
        .open("/dev/null")
        .unwrap()
}

#[tokio::test]
async fn with_always_a_call_begins_when_that_is_on_the_disk_and_with_others_at_once() {
    for (sync, waits) in EVERY_SYNC.into_iter().zip([true, false, false]) {
        let folder = Folder::new();
        let spool = open_with(&folder, sync);
        let began = spool.began(&record(), &note()).unwrap();
        spool.on_disk(&began).await.unwrap();
        spool.0.segments.begin_in(takes_and_loses());
        let began = spool.began(&record(), &note()).unwrap();
        assert_eq!(spool.on_disk(&began).await.is_err(), waits, "{sync:?}");
    }
}

#[tokio::test]
async fn with_soon_beginnings_and_ends_are_brought_to_the_disk_behind() {
    let folder = Folder::new();
    let spool = open_with(&folder, SpoolSync::Soon);
    let record = record();
    let refused = async |expected: bool| {
        let began = spool.began(&record, &note()).unwrap();
        spool.ended(&began, &record).await.unwrap();
        let told = async {
            while spool.check().is_err() != expected {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        let within = std::time::Duration::from_secs(10);
        tokio::time::timeout(within, told).await.unwrap();
    };
    spool.0.segments.begin_in(takes_and_loses());
    refused(true).await;
    let path = files::began(spool.0.instance.path(), 1);
    spool.0.segments.begin_in(files::create(&path).unwrap());
    refused(false).await;
}

#[tokio::test]
async fn what_the_disk_refused_until_the_end_is_taken_over_from_its_beginning() {
    for sync in EVERY_SYNC {
        let folder = Folder::new();
        let spool = open_with(&folder, sync);
        let record = record();
        let began = spool.began(&record, &note()).unwrap();
        let path = files::ended(spool.0.instance.path(), 1);
        fs::create_dir(&path).unwrap();
        assert!(spool.ended(&began, &final_of(&record)).await.is_err());
        let dead = kill(spool);
        fs::remove_dir(dead.join("00000001.ended")).unwrap();
        let next = open_with(&folder, sync);
        assert_eq!(recover(&next).await.unwrap().lost, 1, "{sync:?}");
        assert_eq!(waiting(&next)[0].outcome, CallOutcome::ProxyLost);
    }
}

proptest! {
    /// Whatever an app is called or a caller writes: a line ends where it ends, and says all of it.
    #[test]
    fn a_record_is_one_line_and_reads_back(
        app_name in any::<String>(), model in any::<String>(), request_id in any::<String>(),
        cost: i64, input: u64, provider_status: Option<u16>,
    ) {
        let began = CallRecord { app_name, model, request_id, ..record() };
        let stem = line::stem(&line::of(&began, &note()).unwrap());
        let mut record = CallRecord { provider_status, ..final_of(&began) };
        record.ended_at = now() + jiff::SignedDuration::from_millis(1_234);
        record.cost = Nanodollars::from_nanos(cost.max(i64::MIN + 1));
        record.usage.input = input;
        let line = line::of(&record, &note()).unwrap();
        prop_assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
        prop_assert_eq!(&line::ended(&stem, &record).unwrap(), &line);
        let read = line::whole(&line).unwrap();
        prop_assert_eq!((read.payload, read.hold), (record, note()));
    }
}

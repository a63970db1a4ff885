use std::fs;

use crate::spool::{
    DeadSpool, Spool, files, recover,
    tests::{Folder, final_of, kill, note, open, record},
};

/// What is known of the one spool that is taken over.
async fn taken_over(by: &Spool) -> Option<DeadSpool> {
    let mut spools = recover(by).await.unwrap().spools;
    assert!(spools.len() <= 1);
    spools.pop()
}

#[tokio::test]
async fn what_began_is_told_from_what_never_did() {
    let folder = Folder::new();
    let (begun, ended, never) = (record(), record(), record());
    let first = open(&folder);
    let (number, segment) = (first.number().unwrap(), first.segment());
    let _ = first.began(&begun, &note()).unwrap();
    let began = first.began(&ended, &note()).unwrap();
    first.ended(&began, &final_of(&ended)).await.unwrap();
    kill(first);
    let second = open(&folder);
    assert_ne!(second.number(), Some(number));
    let dead = taken_over(&second).await.unwrap();
    assert_eq!(dead.number, number);
    assert!(dead.never_began(never.call, segment));
    for call in [begun.call, ended.call] {
        assert!(!dead.never_began(call, segment));
    }
}

/// Its line may have stood in a segment that is gone, and what it cost is in the ledger then.
#[tokio::test]
async fn of_a_call_older_than_what_is_left_nothing_is_known() {
    let folder = Folder::new();
    let first = open(&folder);
    let old = first.segment();
    while first.segment() == old {
        let one = record();
        let began = first.began(&one, &note()).unwrap();
        first.ended(&began, &one).await.unwrap();
    }
    while let Some(stretch) = first.0.segments.next_stretch() {
        let segments = &first.0.segments;
        segments
            .note_published(stretch.segment, stretch.to, 0)
            .unwrap();
    }
    let young = first.segment();
    let left = kill(first);
    assert_eq!(files::segments(&left).unwrap(), [young]);
    let dead = taken_over(&open(&folder)).await.unwrap();
    assert!(!dead.never_began(record().call, old));
    assert!(dead.never_began(record().call, young));
}

/// What had not reached the disk is lost when the machine goes down: a line that is not there may
/// have been.
#[tokio::test]
async fn after_the_machine_was_started_again_nothing_is_known() {
    for boot in ["another\n", ""] {
        let folder = Folder::new();
        let left = kill(open(&folder));
        fs::write(left.join("boot"), boot).unwrap();
        assert!(taken_over(&open(&folder)).await.is_none());
    }
    let folder = Folder::new();
    fs::remove_file(kill(open(&folder)).join("boot")).unwrap();
    assert!(taken_over(&open(&folder)).await.is_none());
}

#[tokio::test]
async fn a_spool_that_cannot_be_taken_over_is_not_in_the_way_of_others() {
    let folder = Folder::new();
    let (bad, good) = (open(&folder), open(&folder));
    let _ = good.began(&record(), &note()).unwrap();
    let _ = bad.began(&record(), &note()).unwrap();
    let (bad, _) = (kill(bad), kill(good));
    let path = files::began(&bad, 1);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let third = open(&folder);
    let taken = recover(&third).await.unwrap();
    assert_eq!((taken.lost, taken.spools.len()), (1, 1));
    assert!(bad.exists());
}

/// It may say that a call began.
#[tokio::test]
async fn where_a_line_cannot_be_read_nothing_is_known() {
    let folder = Folder::new();
    let first = open(&folder);
    let _ = first.began(&record(), &note()).unwrap();
    let path = files::began(&kill(first), 1);
    let line = fs::read(&path).unwrap();
    let (half, _) = line.split_at(line.len() / 2);
    fs::write(&path, [half, &line].concat()).unwrap();
    assert!(taken_over(&open(&folder)).await.is_none());
}

/// Whoever comes upon the rest does not take it for all there was.
#[tokio::test]
async fn what_is_being_removed_is_whole_no_more() {
    let folder = Folder::new();
    let first = open(&folder);
    let _ = first.began(&record(), &note()).unwrap();
    let left = kill(first);
    // It does not let itself be removed.
    let boot = left.join("boot");
    fs::remove_file(&boot).unwrap();
    fs::create_dir(&boot).unwrap();
    assert!(taken_over(&open(&folder)).await.is_none());
    assert!(files::began(&left, 1).exists());
}

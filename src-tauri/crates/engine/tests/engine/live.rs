use crate::support::{fixture, metric};
use branchline_core::ExperimentId;
use branchline_core::event::{Cursor, EventKind};
use branchline_engine::{Change, Topic};

#[tokio::test]
async fn a_change_is_told_after_its_commit() {
    let f = fixture().await;
    let mut events = f.engine.subscribe();
    let run = f.run(ExperimentId(0), 0).await;
    let event = events.recv().await.unwrap();
    assert_eq!(event.kind, EventKind::Run(run.clone(), ExperimentId(0)));
    f.log(&run, vec![metric("m", 1.0, 7)]).await;
    let event = events.recv().await.unwrap();
    assert_eq!(event.kind, EventKind::Metrics(run, ExperimentId(0)));
    assert_eq!(event.seq, f.engine.cursor().seq);
}

#[tokio::test]
async fn ranges_after_a_cursor_miss_nothing_though_rows_coalesce() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let start = f.engine.cursor();
    f.log(&run, vec![metric("m", 1.0, 1)]).await;
    let middle = f.engine.cursor();
    f.log(&run, vec![metric("m", 1.0, 2), metric("m", 1.0, 9)]).await;
    let topic = Topic::RunMetrics(run.clone());
    let all = f.engine.changes_after(&f.owner, topic.clone(), start).await.unwrap();
    assert_eq!(all.items, vec![Change::Metric { key: "m".into(), from_step: 1, to_step: 9 }]);
    assert!(!all.resync);
    let later = f.engine.changes_after(&f.owner, topic.clone(), middle).await.unwrap();
    let [Change::Metric { to_step: 9, .. }] = later.items.as_slice() else {
        panic!("the points after the cursor are missing: {later:?}");
    };
    let nothing = f.engine.changes_after(&f.owner, topic.clone(), all.cursor).await.unwrap();
    assert!(nothing.items.is_empty() && !nothing.resync);
    let runs =
        f.engine.changes_after(&f.owner, Topic::Experiment(ExperimentId(0)), start).await.unwrap();
    assert_eq!(runs.items, vec![Change::Run(run)]);
}

#[tokio::test]
async fn a_cursor_of_another_life_is_told_to_start_again() {
    let f = fixture().await;
    let here = f.engine.cursor();
    let foreign = Cursor { epoch: here.epoch + 1, seq: here.seq };
    let changes = f.engine.changes_after(&f.owner, Topic::Experiments, foreign).await.unwrap();
    assert!(changes.resync);
    assert_eq!(changes.cursor, here);
    let ahead = Cursor { epoch: here.epoch, seq: here.seq + 100 };
    assert!(f.engine.changes_after(&f.owner, Topic::Experiments, ahead).await.unwrap().resync);
}

use crate::support::{Fixture, fixture, metric};
use branchline_core::{ExperimentId, Metric};
use branchline_engine::{HistoryPart, Keep};

#[tokio::test]
async fn an_exact_repeat_is_one_point() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    for _ in 0..3 {
        f.log(&run, vec![metric("m", 1.0, 0), metric("m", 1.0, 0), metric("m", 2.0, 0)]).await;
    }
    let summary = f.engine.metric_summaries(&f.owner, &run).await.unwrap().remove(0);
    assert_eq!((summary.count, summary.last, summary.mean), (2, 2.0, Some(1.5)));
}

#[tokio::test]
async fn history_has_mlflows_order_and_pages_without_gaps() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let at =
        |timestamp: i64, step: i64, value: f64| Metric { timestamp, ..metric("m", value, step) };
    // Steps and times disagree, so the clustered order is not the asked one.
    let logged =
        vec![at(30, 1, 1.0), at(10, 3, 5.0), at(20, 2, f64::NAN), at(10, 3, 4.0), at(10, 1, 9.0)];
    f.log(&run, logged).await;
    let expected = [(10, 1), (10, 3), (10, 3), (20, 2), (30, 1)];
    for page in [1, 2, 5, 10] {
        let mut seen = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let found =
                f.engine.metric_history(&f.owner, &run, "m", page, token.as_deref()).await.unwrap();
            seen.extend(found.items.iter().map(|m| (m.timestamp, m.step)));
            token = found.next_page_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected, "pages of {page}");
    }
    let whole = f.engine.metric_history(&f.owner, &run, "m", 100, None).await.unwrap().items;
    assert_eq!((whole[1].value, whole[2].value), (4.0, 5.0), "then by value");
    assert!(whole[3].value.is_nan());
    let none = f.engine.metric_history(&f.owner, &run, "unknown", 100, None).await.unwrap();
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn infinities_are_kept_as_the_greatest_numbers() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    f.log(&run, vec![metric("up", f64::INFINITY, 0), metric("down", f64::NEG_INFINITY, 0)]).await;
    let kept = f.engine.run(&f.owner, &run).await.unwrap().metrics;
    assert_eq!((kept[0].value, kept[1].value), (f64::MIN, f64::MAX));
}

#[tokio::test]
async fn a_stream_gives_every_point_once() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let points: Vec<Metric> = (0..12_345).map(|step| metric("m", step as f64, step)).collect();
    for chunk in points.chunks(1000) {
        f.log(&run, chunk.to_vec()).await;
    }
    for most in [None, Some(1), Some(5000), Some(12_344), Some(12_345), Some(usize::MAX)] {
        let mut steps = Vec::new();
        let mut token: Option<String> = None;
        // Of single points the first few do.
        for _ in 0..5 {
            let stream =
                f.engine.metric_history_stream(&f.owner, &run, "m", most, token.as_deref());
            let mut parts = stream.await.unwrap();
            let before = steps.len();
            let next = loop {
                match parts.recv().await.unwrap().unwrap() {
                    HistoryPart::Points(points) => steps.extend(points.iter().map(|one| one.step)),
                    HistoryPart::End(next) => break next,
                }
            };
            assert!(most.is_none_or(|most| steps.len() - before <= most), "{most:?}");
            token = next;
            if token.is_none() {
                break;
            }
        }
        let seen = if most == Some(1) { 5 } else { 12_345 };
        assert_eq!(steps, (0..seen).collect::<Vec<i64>>(), "{most:?}");
        assert_eq!(token.is_some(), most == Some(1), "{most:?}");
    }
}

#[tokio::test]
async fn long_curves_are_sampled_from_end_to_end() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let points: Vec<Metric> = (0..60_000).map(|step| metric("m", 0.0, step)).collect();
    for chunk in points.chunks(5000) {
        f.log(&run, chunk.to_vec()).await;
    }
    let runs = [run];
    let series = f
        .engine
        .metric_series(&f.owner, &runs, "m", (300, Keep::Extremes), None)
        .await
        .unwrap()
        .remove(0);
    assert_eq!((series.total, series.sampled), (60_000, true));
    assert_eq!((series.steps[0], *series.steps.last().unwrap()), (0, 59_999));
    assert!(series.steps.len() <= 300);
    let part = f
        .engine
        .metric_series(&f.owner, &runs, "m", (300, Keep::Extremes), Some((100, 200)))
        .await
        .unwrap()
        .remove(0);
    assert_eq!((part.steps[0], *part.steps.last().unwrap()), (100, 200));
    assert_eq!((part.steps.len(), part.sampled), (101, false), "a short stretch is whole");
}

#[tokio::test]
async fn a_million_points_take_few_bytes() {
    let size = |f: &Fixture| {
        std::fs::metadata(f.folder.path().join("branchline.db")).unwrap().len() as f64
    };
    // Tables and indexes take a page each before they hold anything.
    let empty = fixture().await;
    empty.engine.close().await;
    let empty = size(&empty);
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let count = 200_000_i64;
    let now = 1_790_000_000_000_i64;
    for start in (0..count).step_by(1000) {
        let batch = (start..start + 1000)
            .map(|step| Metric {
                timestamp: now + step * 17,
                ..metric("loss", (step as f64).sin(), step)
            })
            .collect();
        f.log(&run, batch).await;
    }
    f.engine.close().await;
    let per_point = (size(&f) - empty) / count as f64;
    assert!(per_point < 33.0, "{per_point:.1} bytes a point with everything beside");
}

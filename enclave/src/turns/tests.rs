//! The order of turns, their bounds, and what becomes of those nobody takes.

use super::*;

const PLACES: usize = 512;

fn key(number: u8) -> ApiKeyDigest {
    ApiKeyDigest::new([number; 32])
}

fn run(key: &ApiKeyDigest, priority: Priority) -> Run<'_> {
    Run { key, priority, expected: Duration::from_millis(10) }
}

/// Whoever asks while the only turn is taken, in the order in which they get it.
async fn order(asked: &[(u8, Priority)]) -> Vec<usize> {
    let turns = Arc::new(Turns::new(1, PLACES));
    let first = turns.take(run(&key(200), Priority::Normal)).await.ok().unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (position, (number, priority)) in asked.iter().copied().enumerate() {
        let (waiting, served) = (Arc::clone(&turns), served.clone());
        tokio::spawn(async move {
            let mut turn = waiting.take(run(&key(number), priority)).await.ok().unwrap();
            // As long as was expected.
            turn.begun -= turn.expected;
            served.send(position).unwrap();
        });
        while turns.state().waiting <= position {
            tokio::task::yield_now().await;
        }
    }
    drop((first, served));
    let mut positions = Vec::new();
    while let Some(position) = order.recv().await {
        positions.push(position);
    }
    positions
}

#[tokio::test]
async fn a_key_that_asks_for_much_waits_behind_itself() {
    let normal = |key| (key, Priority::Normal);
    let asked = [normal(1), normal(1), normal(1), normal(1), normal(2), normal(3), normal(2)];
    let mut order = order(&asked).await;
    order[3..5].sort_unstable();
    assert_eq!(order, [0, 4, 5, 1, 6, 2, 3]);
}

/// Two runs of a key that are taken to be quick and are not: its third waits behind the other key's.
#[tokio::test]
async fn a_run_costs_its_key_what_it_took_whatever_was_expected() {
    let turns = Arc::new(Turns::new(2, PLACES));
    let (own, other, first, next) = (key(1), key(2), key(3), key(4));
    let quick = |key| Run { expected: Duration::from_micros(1), ..run(key, Priority::Normal) };
    let held = turns.take(quick(&first)).await.ok().unwrap();
    let long = turns.take(quick(&own)).await.ok().unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    drop(long);
    let last = turns.take(quick(&next)).await.ok().unwrap();
    let (_, again) = turns.state().stamp(quick(&own));
    let (_, others) = turns.state().stamp(run(&other, Priority::Normal));
    assert!(
        again > others,
        "{again} against {others}: the run of 30 ms counts more than one of 10 ms to come"
    );
    let few = Arc::new(Turns::new(2, 1));
    let (held_of_few, long) =
        (few.take(quick(&first)).await.ok().unwrap(), few.take(quick(&own)).await.ok().unwrap());
    few.state().flows.clear();
    tokio::time::sleep(Duration::from_millis(2)).await;
    drop(long);
    assert!(few.state().flows.contains_key(&own), "a key that was forgotten while it ran");
    let long = few.take(quick(&own)).await.ok().unwrap();
    few.state().flows.clear();
    let now = few.state().now;
    let again = few.state().queue(quick(&own)).ok().unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    drop(long);
    let end = few.state().flows[&own].end;
    assert!(end >= now + 8 * 2000, "{end} after {now}: and that asked again meanwhile");
    drop((held, last, held_of_few, again));
    assert!(turns.state().flows.is_empty(), "nobody runs, and nobody owes anything");
}

/// Runs that were taken to be quick, all in the queue before the first of them ends.
#[tokio::test]
async fn a_crowd_that_is_not_as_quick_as_expected_does_not_go_before_everybody() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let (own, other) = (key(1), key(2));
    let quick = Run { expected: Duration::from_micros(1), ..run(&own, Priority::Normal) };
    let first = turns.take(quick).await.ok().unwrap();
    let (_, mut again) = turns.state().queue(quick).ok().unwrap();
    let (_, mut last) = turns.state().queue(quick).ok().unwrap();
    let (_, mut others) = turns.state().queue(run(&other, Priority::Normal)).ok().unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    drop(first);
    assert!(others.try_recv().is_ok(), "the run of 30 ms is settled with those that wait behind it");
    let end = turns.state().flows[&own].end;
    assert!(turns.state().wake_next());
    assert_eq!(again.try_recv().ok(), Some(end + 8));
    assert!(turns.state().wake_next());
    assert_eq!(last.try_recv().ok(), Some(end + 16), "one behind the other");
    assert!(!turns.state().wake_next());
}

#[tokio::test]
async fn priority_is_a_share_and_nobody_waits_for_ever() {
    let mut asked = vec![(1, Priority::Low)];
    asked.extend([(2, Priority::Normal); 10]);
    asked.extend([(3, Priority::High); 4]);
    let order = order(&asked).await;
    assert_eq!(order[..4], [11, 12, 13, 14], "high before all that asked earlier");
    assert_eq!(
        order.iter().position(|at| *at == 0),
        Some(11),
        "low before the last of the normal ones: {order:?}"
    );
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_loses_no_turn() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let first = turns.take(run(&key(1), Priority::Normal)).await.ok().unwrap();
    let waited = turns.take_within(Duration::from_millis(20), run(&key(2), Priority::Normal)).await;
    assert_eq!(waited.err(), Some(Code::Busy));
    assert_eq!(turns.state().waiting, 0);
    assert!(turns.state().heads.is_empty());
    let (begin, _) = turns.state().stamp(run(&key(2), Priority::Normal));
    let now = turns.state().now;
    assert_eq!(begin, now, "it owes nothing for a run that was none");
    drop(first);
    assert_eq!(turns.state().free, 1);
}

#[tokio::test]
async fn who_would_wait_too_long_is_told_at_once_and_others_are_not() {
    let turns = Arc::new(Turns::new(2, PLACES));
    let key_of_all = key(1);
    let long = Run { expected: Duration::from_secs(6), ..run(&key_of_all, Priority::Normal) };
    for _ in 0..2 {
        assert!(matches!(turns.state().enter(long), Ok(Entered::Runs(_))), "a core is free");
    }
    let mut waiting: Vec<_> = (0..4).map(|_| turns.state().queue(long).ok().unwrap()).collect();
    assert_eq!(turns.state().wait_before(long), Duration::from_secs(12));
    waiting.push(turns.state().queue(long).ok().unwrap());
    assert_eq!(turns.state().queue(long).err(), Some(Code::Busy), "15 s lie ahead of it");
    assert_eq!(
        turns.state().wait_before(long),
        Duration::from_secs(15),
        "who is refused is not put behind itself"
    );
    assert_eq!(turns.state().waiting, 5);
    assert_eq!(turns.state().backlog, Duration::from_secs(30));
    assert!(
        turns.state().queue(run(&key(2), Priority::Normal)).is_ok(),
        "another key comes before most of them"
    );
}

#[tokio::test]
async fn a_turn_given_to_somebody_who_has_left_is_passed_on() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let first = turns.take(run(&key(1), Priority::Normal)).await.ok().unwrap();
    let (leaver, leaves) = (Arc::clone(&turns), key(2));
    let mut left = Box::pin(async move { leaver.take(run(&leaves, Priority::Normal)).await });
    assert!(futures_poll(&mut left).await.is_pending());
    drop(first);
    assert_eq!(turns.state().free, 0, "it was given");
    let now = turns.state().now;
    let end = turns.state().flows[&key(2)].end;
    assert!(end > now);
    let other = turns.state().queue(run(&key(3), Priority::Normal)).ok().unwrap();
    drop(left);
    assert_eq!(turns.state().flows[&key(2)].end, now, "it owes nothing for a run that was none");
    assert_eq!(turns.state().free, 0, "passed on");
    assert_eq!(turns.state().waiting, 0);
    turns.state().pass_on();
    assert_eq!(turns.state().free, 1);
    drop(other);
}

#[tokio::test]
async fn the_queue_and_what_is_remembered_of_keys_are_bounded() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let first = turns.take(run(&key(1), Priority::Normal)).await.ok().unwrap();
    let mut kept = Vec::new();
    for number in 0..PLACES {
        let bytes = u32::try_from(number).unwrap().to_be_bytes();
        let mut digest = [7; 32];
        digest[..4].copy_from_slice(&bytes);
        kept.push(turns.state().enter(run(&ApiKeyDigest::new(digest), Priority::Normal)).ok().unwrap());
    }
    assert_eq!(turns.take(run(&key(2), Priority::Normal)).await.err(), Some(Code::Busy));
    assert!(turns.state().flows.len() <= PLACES + 1);
    drop(first);
}

#[tokio::test]
async fn one_key_takes_half_of_the_places_and_gives_them_back() {
    let turns = Arc::new(Turns::new(1, 4));
    let first = turns.take(run(&key(1), Priority::Normal)).await.ok().unwrap();
    let greedy = || turns.state().queue(run(&key(2), Priority::Normal));
    let (one, two) = (greedy().ok().unwrap(), greedy().ok().unwrap());
    assert_eq!(greedy().err(), Some(Code::Busy));
    assert!(turns.state().queue(run(&key(3), Priority::Normal)).is_ok(), "others still get in");
    drop(Place { turns: &turns, run: run(&key(2), Priority::Normal), number: one.0, served: false });
    assert!(greedy().is_ok());
    drop((first, two));
}

/// All are ready before the first of them runs: so the key that asks for much does not go first.
#[tokio::test]
async fn short_runs_take_turns_among_all_that_are_ready() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in [1, 1, 1, 2, 1, 3] {
        let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
        tasks.spawn(async move {
            let _turn = turns.take_among(run(&key(number), Priority::Normal)).await.ok().unwrap();
            order.lock().unwrap().push(number);
        });
    }
    while tasks.join_next().await.is_some() {}
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 1, 1]);
    let state = turns.state();
    assert_eq!((state.free, state.waiting, state.flows.len()), (1, 0, 0));
}

/// Whoever goes while everybody gets ready has a place in the queue already.
#[tokio::test]
async fn a_short_run_that_is_given_up_at_any_time_leaves_nothing_behind() {
    let turns = Arc::new(Turns::new(1, PLACES));
    let (leaver, leaves) = (Arc::clone(&turns), key(1));
    let mut left = Box::pin(async move { leaver.take_among(run(&leaves, Priority::Normal)).await });
    assert!(futures_poll(&mut left).await.is_pending());
    assert_eq!(turns.state().waiting, 1);
    drop(left);
    let state = turns.state();
    assert_eq!((state.waiting, state.free, state.backlog), (0, 1, Duration::ZERO));
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context)))
        .await
}

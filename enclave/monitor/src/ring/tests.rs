use super::*;

fn projection() -> Projection {
    Projection::new(&[1.0; 30], &[2.0; 30])
}

fn profile(near: f32) -> Profile {
    Profile { near, ..crate::profile::testing::plain(30) }
}

fn row(number: u64) -> Vec<f32> {
    (0..30).map(|feature| (mix(number << 8 | feature) >> 40) as f32 / (1 << 22) as f32).collect()
}

fn plain(features: &[f32]) -> Row<'_> {
    Row { features, bits: &[], class: 0, margin: None }
}

fn shifted(row: &[f32], by: f32) -> Vec<f32> {
    row.iter().zip(0..).map(|(value, at)| if mix(at) & 1 == 0 { value + by } else { value - by }).collect()
}

#[test]
fn distances_are_kept_within_three_fifths() {
    let projection = projection();
    let length = |place: [f32; DIMENSIONS]| place.iter().map(|value| value * value).sum::<f32>().sqrt();
    for number in 0..100 {
        let (one, other) = (row(number), row(number + 1000));
        let places = (projection.place(&one), projection.place(&other));
        let projected = length(std::array::from_fn(|at| places.0[at] - places.1[at]));
        let exact: f32 = one.iter().zip(&other).map(|(one, other)| ((one - other) / 2.0).powi(2)).sum();
        let ratio = projected / exact.sqrt();
        assert!((0.5..1.6).contains(&ratio), "{ratio}");
    }
}

#[test]
fn copies_within_the_radius_alarm_and_others_do_not() {
    let (projection, profile, rules) = (projection(), profile(0.5), Rules::default());
    let mut ring = Ring::default();
    for number in 0..1000 {
        assert_eq!(ring.meet(Mark::of(&projection, &profile, plain(&row(number))), true, &rules), Met::New);
    }
    let seed = row(5000);
    let alarms = |ring: &mut Ring| {
        let copy = |copy: u16| shifted(&seed, 0.001 * f32::from(copy));
        (0..30).position(|at| {
            ring.meet(Mark::of(&projection, &profile, plain(&copy(at))), true, &rules) == Met::Alarm
        })
    };
    assert_eq!(alarms(&mut Ring::default()), Some(5), "five of six");
    assert_eq!(alarms(&mut ring), Some(13), "more than one in twenty of 256");
    assert!(ring.rows.is_empty(), "the ring begins anew");
}

#[test]
fn rows_asked_again_to_the_bit_are_no_near_duplicates() {
    let (projection, profile, rules) = (projection(), profile(0.5), Rules::default());
    let mut ring = Ring::default();
    let mark = Mark::of(&projection, &profile, plain(&row(1)));
    assert_eq!(ring.meet(mark, true, &rules), Met::New);
    assert!((0..100).all(|_| ring.meet(mark, true, &rules) == Met::Before));
    assert_eq!(ring.rows.len(), 1);
}

#[test]
fn without_a_radius_nothing_is_near() {
    let (projection, profile, rules) = (projection(), profile(0.0), Rules::default());
    let mut ring = Ring::default();
    for copy in 0..300_u16 {
        let mark = Mark::of(&projection, &profile, plain(&shifted(&row(1), 1e-4 * f32::from(copy))));
        assert_eq!(ring.meet(mark, false, &rules), Met::New);
    }
    assert_eq!(ring.rows.len(), RING_ROWS);
}

#[test]
fn a_coarse_row_keeps_near_and_far_apart_at_any_radius() {
    for near in [1e-3, 0.1, 2.0] {
        let (projection, profile) = (projection(), profile(near));
        let seed = row(3);
        let mark = |by: f32| Mark::of(&projection, &profile, plain(&shifted(&seed, by)));
        // A shift of every feature by s is √30 · s / 2 long in units of the scale.
        let unit = near * 2.0 / 30.0_f32.sqrt();
        assert!(mark(0.0).is_near(&mark(0.4 * unit)), "{near}");
        assert!(!mark(0.0).is_near(&mark(2.0 * unit)), "{near}");
    }
}

use super::*;

fn uniform(number: u64) -> f32 {
    (mix(number) >> 40) as f32 / (1 << 24) as f32
}

/// Rows of two classes: around 0 and around 2 in the first of four features; a constant; a copy; a flag.
fn training(rows: u64) -> Training {
    let feature = |row: u64, at: u64| {
        let sum: f32 = (0..6).map(|part| uniform(row << 16 | at << 8 | part)).sum();
        (sum - 3.0) * 2.0_f32.sqrt()
    };
    let mut features = Vec::new();
    let mut classes = Vec::new();
    for row in 0..rows {
        let class = usize::from(row % 2 == 0);
        let first = feature(row, 0) + 2.0 * class as f32;
        features.extend([first, 1e6, 3.0 * first, f32::from(u8::from(row % 4 == 0)), feature(row, 1)]);
        classes.push(class);
    }
    let margins = (0..rows).map(|row| uniform(row << 32)).collect();
    Training {
        rows: Rows::new(5, features, classes, margins).unwrap(),
        space: Space::Input("x".into()),
        decision: Some(Decision { scores: "scores".into(), label: None }),
        classes: 2,
        labels: None,
    }
}

fn failure(training: Training) -> FitError {
    fit(training).err().unwrap()
}

#[test]
fn constants_copies_and_flags_have_a_profile_that_reads_back() {
    let (profile, warnings) = fit(training(6000)).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    assert!(Profile::decode(&profile.encode().unwrap()).unwrap() == profile);
    assert!((profile.classes[1].mean[0] - 2.0).abs() < 0.1 && profile.classes[0].mean[0].abs() < 0.1);
    assert!(profile.near > 0.0 && profile.near <= profile.neighbour / 2.0 + 1e-6);
    assert_eq!(profile.classes[0].share, 0.5);
    assert!(profile.classes.iter().all(|class| class.distances.len() == class.margins.len()));
    assert!(profile.classes.iter().all(|class| class.threshold.is_some()));
}

#[test]
fn the_same_rows_give_the_same_profile() {
    assert!(fit(training(500)).unwrap().0 == fit(training(500)).unwrap().0);
}

#[test]
fn of_new_rows_few_are_beyond_threshold_or_box() {
    let (profile, _) = fit(training(6000)).unwrap();
    let new = training(60_000);
    let mut scratch = Vec::new();
    let unlike = new.rows.iter().skip(6000).filter(|row| {
        let distance = crate::distribution::distance(&profile, *row, &mut scratch);
        crate::distribution::is_unlike(&profile, *row, distance)
    });
    let share = unlike.count() as f64 / 54_000.0;
    assert!(share <= 0.003, "{share}");
}

#[test]
fn few_rows_of_a_class_are_warned_of() {
    let (profile, warnings) = fit(training(400)).unwrap();
    assert!(profile.classes[0].threshold.is_none());
    assert!(warnings.contains(&Warning::NoThreshold { class: 0 }));
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::FewRows { class: 1, rows: 1.. })));
}

#[test]
fn data_that_is_the_same_everywhere_has_no_radius() {
    let mut same = training(1000);
    same.rows = Rows::new(5, vec![2.0; 5000], vec![0; 1000], vec![0.5; 1000]).unwrap();
    let (profile, warnings) = fit(same).unwrap();
    assert_eq!((profile.near, profile.neighbour), (0.0, 0.0));
    assert!(warnings.contains(&Warning::Repeats));
}

#[test]
fn true_labels_make_the_means() {
    let labels = (0..1000).map(|row| row % 3 % 2).collect();
    let (profile, _) = fit(Training { labels: Some(labels), ..training(1000) }).unwrap();
    assert!((profile.classes[0].mean[0] - profile.classes[1].mean[0]).abs() < 0.5, "labels say nothing here");
    assert_eq!(profile.classes[0].share, 0.5, "shares are of predictions");
}

#[test]
fn a_model_that_knows_its_rows_by_heart_has_no_margins() {
    let labels: Vec<usize> = training(2000).rows.classes().to_vec();
    let (profile, warnings) = fit(Training { labels: Some(labels.clone()), ..training(2000) }).unwrap();
    assert!(profile.classes.iter().all(|class| class.margins.is_empty() && !class.distances.is_empty()));
    assert!(warnings.contains(&Warning::ByHeart));
    let mut erring = labels;
    erring[..2].iter_mut().for_each(|label| *label = 1 - *label);
    let (profile, warnings) = fit(Training { labels: Some(erring), ..training(2000) }).unwrap();
    assert!(profile.classes.iter().all(|class| !class.margins.is_empty()));
    assert!(!warnings.contains(&Warning::ByHeart));
}

#[test]
fn features_of_any_size_are_fitted() {
    for size in [1e-20, 1e20] {
        let mut training = training(1000);
        let features: Vec<f32> =
            training.rows.iter().flat_map(|row| row.features.iter().map(|value| value * size)).collect();
        training.rows = Rows::new(5, features, training.rows.classes().to_vec(), vec![]).unwrap();
        let (profile, _) = fit(training).unwrap();
        assert!(
            profile.classes[0].distances.iter().all(|distance| (0.0..100.0).contains(distance)),
            "{size}"
        );
    }
}

#[test]
fn too_few_rows_are_refused() {
    assert_eq!(failure(training(99)), FitError::TooFew(99));
}

#[test]
fn classes_that_there_are_not_are_refused() {
    assert_eq!(failure(Training { classes: 1, ..training(200) }), FitError::Classes);
    assert_eq!(failure(Training { labels: Some(vec![0; 199]), ..training(200) }), FitError::Classes);
    assert_eq!(failure(Training { labels: Some(vec![2; 200]), ..training(200) }), FitError::Classes);
    assert_eq!(failure(Training { classes: 0, ..training(200) }), FitError::Shape);
    assert_eq!(failure(Training { classes: MAX_CLASSES + 1, ..training(200) }), FitError::Shape);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for (feature, margin) in [(f32::NAN, 0.0), (f32::INFINITY, 0.0), (0.0, f32::NAN)] {
        let rows = Rows::new(1, vec![feature; 200], vec![0; 200], vec![margin; 200]).unwrap();
        assert_eq!(failure(Training { rows, ..training(200) }), FitError::NotFinite);
    }
}

#[test]
fn several_classes_without_an_output_that_tells_them_are_refused() {
    assert!(matches!(failure(Training { decision: None, ..training(200) }), FitError::Profile(_)));
}

#[test]
fn a_profile_that_no_release_holds_is_refused() {
    let features = (0..50_000).map(uniform).collect();
    let rows = Rows::new(500, features, vec![0; 100], vec![]).unwrap();
    let rows = Training { rows, classes: MAX_CLASSES, ..training(200) };
    assert!(matches!(failure(rows), FitError::TooLarge(_)));
}

#[test]
fn conformal_ranks_are_as_by_hand() {
    let list: Vec<f32> = (1..=1999_u16).map(f32::from).collect();
    assert_eq!(conformal(&list, 0.999), Some(1998.0));
    assert_eq!(conformal(&list[..998], 0.999), None);
    assert_eq!(conformal(&[], 0.999), None);
}

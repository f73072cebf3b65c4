//! What a model answers, whoever made it: a class for each row, and scores where it gives them.

use strongroom_monitor::Profile;
use strongroom_seal::model::Interface;
use strongroom_seal::tensor::{DType, Tensor, strings};

use crate::run_model::Answered;

/// One output: its name and its elements.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) elements: Elements,
}

/// Elements of an output.
pub(crate) enum Elements {
    /// Numbers with fractions.
    Scores(Vec<f64>),
    /// Anything else, as text.
    Labels(Vec<String>),
}

/// The answers to a table. No `Debug`: it is plaintext.
#[derive(Default)]
pub(crate) struct Answers {
    /// The class of each row, by position. [`None`]: none of the model's classes.
    pub(crate) classes: Vec<Option<usize>>,
    /// A score for each class of each row; empty where there are none.
    pub(crate) scores: Vec<f64>,
}

/// How the outputs of a model are read.
pub(crate) struct Reader {
    /// Name of the output of scores.
    scores: String,
    /// Name of the output of labels.
    label: Option<String>,
    /// The label of each class.
    labels: Vec<String>,
}

impl Reader {
    /// Reads outputs as those of the owner's model; [`None`] where the profile has no classes.
    pub(crate) fn new(profile: &Profile, interface: &Interface) -> Option<Self> {
        let decision = profile.decision.as_ref()?;
        let label = decision.label.as_ref();
        let dtype = label.and_then(|label| {
            interface.outputs.iter().find(|output| output.name == label.output).map(|output| output.dtype)
        });
        let positions = || (0..profile.classes.len()).map(|class| class.to_string()).collect();
        let labels = label.zip(dtype).map_or_else(positions, |(label, dtype)| {
            label.values.iter().map(|value| word(dtype, value)).collect()
        });
        Some(Self { scores: decision.scores.clone(), label: label.map(|label| label.output.clone()), labels })
    }

    /// The same for a suspect whose outputs have other names.
    pub(crate) fn renamed(&self, scores: Option<&str>, label: Option<&str>) -> Self {
        Self {
            scores: scores.unwrap_or(&self.scores).to_owned(),
            label: label.map(str::to_owned).or_else(|| self.label.clone()),
            labels: self.labels.clone(),
        }
    }

    /// How many classes there are.
    pub(crate) fn classes(&self) -> usize {
        self.labels.len()
    }

    /// The class that a label names.
    pub(crate) fn class(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known == label)
    }

    /// Adds the answers to `rows` rows. [`None`] where no output tells a class: by name, or by being the only one of
    /// its kind.
    pub(crate) fn read(&self, outputs: &[Output], rows: usize, into: &mut Answers) -> Option<()> {
        match self.scores(outputs, rows) {
            Some(scores) => {
                into.classes.extend(scores.chunks_exact(self.classes().max(1)).map(winner));
                into.scores.extend(scores);
            }
            None => {
                let labels = self.find_labels(outputs, rows)?;
                into.classes.extend(labels.iter().take(rows).map(|label| self.class(label)));
            }
        }
        Some(())
    }

    fn scores(&self, outputs: &[Output], rows: usize) -> Option<Vec<f64>> {
        let classes = self.classes();
        let all = outputs.iter().filter_map(|output| match &output.elements {
            Elements::Scores(scores) => Some((output, scores)),
            Elements::Labels(_) => None,
        });
        let fits =
            |scores: &Vec<f64>| scores.len() >= rows * classes || (classes == 2 && scores.len() >= rows);
        let candidates: Vec<_> = all.filter(|(_, scores)| fits(scores)).collect();
        let named = candidates.iter().find(|(output, _)| output.name == self.scores);
        let (_, scores) = named.or(candidates.first().filter(|_| candidates.len() == 1))?;
        if scores.len() >= rows * classes {
            return Some(scores.iter().take(rows * classes).copied().collect());
        }
        // A single score is the second class's.
        Some(scores.iter().take(rows).flat_map(|score| [1.0 - score, *score]).collect())
    }

    fn find_labels<'a>(&self, outputs: &'a [Output], rows: usize) -> Option<&'a [String]> {
        let candidates: Vec<_> = outputs
            .iter()
            .filter_map(|output| match &output.elements {
                Elements::Labels(labels) if labels.len() >= rows => Some((output, labels)),
                _ => None,
            })
            .collect();
        let named = candidates.iter().find(|(output, _)| Some(&output.name) == self.label.as_ref());
        named.or(candidates.first().filter(|_| candidates.len() == 1)).map(|(_, labels)| labels.as_slice())
    }
}

/// Reads the answers of a model on this machine to a table of `rows` rows.
pub(crate) fn read(batches: &[Answered], rows: usize, reader: &Reader) -> Option<Answers> {
    let (mut answers, mut left) = (Answers::default(), rows);
    for batch in batches {
        let outputs: Vec<Output> = batch.outputs.iter().map(Output::of).collect();
        let given = batch.inputs.first()?.shape.first().and_then(|rows| usize::try_from(*rows).ok())?;
        // A batch that was filled up has more rows than are left.
        reader.read(&outputs, given.min(left), &mut answers)?;
        left -= given.min(left);
    }
    Some(answers)
}

impl Output {
    /// The elements of a tensor.
    pub(crate) fn of(tensor: &Tensor<'_>) -> Self {
        let data = tensor.data.as_ref();
        let elements = match tensor.dtype {
            DType::Fp32 => Elements::Scores(each(data, |bytes| f32::from_le_bytes(bytes).into())),
            DType::Fp64 => Elements::Scores(each(data, f64::from_le_bytes)),
            DType::Bytes => {
                let texts = strings(data).map_while(Result::ok);
                Elements::Labels(texts.map(|text| word(DType::Bytes, text)).collect())
            }
            other => {
                let width = other.element_bytes().unwrap_or(1);
                Elements::Labels(data.chunks_exact(width).map(|element| word(other, element)).collect())
            }
        };
        Self { name: tensor.name.clone().into_owned(), elements }
    }
}

/// One label as text: digits of an integer, or the text itself.
fn word(dtype: DType, element: &[u8]) -> String {
    let signed = |bytes: &[u8]| {
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        i64::from_le_bytes(whole)
    };
    let unsigned = |bytes: &[u8]| {
        let mut whole = [0; 8];
        whole.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(whole)
    };
    match dtype {
        DType::Bytes => String::from_utf8_lossy(element).into_owned(),
        DType::Int8 | DType::Int16 | DType::Int32 | DType::Int64 => signed(element).to_string(),
        _ => unsigned(element).to_string(),
    }
}

fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}

/// The first of the highest scores; a row of NaN has none.
fn winner(scores: &[f64]) -> Option<usize> {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    scores.iter().position(|score| *score == highest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(classes: &[&str]) -> Reader {
        let labels = classes.iter().map(|label| (*label).to_owned()).collect();
        Reader { scores: "p".into(), label: None, labels }
    }

    fn output(name: &str, elements: Elements) -> Output {
        Output { name: name.into(), elements }
    }

    #[test]
    fn scores_are_found_by_name_or_by_being_the_only_ones() {
        let mut answers = Answers::default();
        let one = [output("probabilities", Elements::Scores(vec![0.2, 0.8, 0.6, 0.4]))];
        reader(&["a", "b"]).read(&one, 2, &mut answers).unwrap();
        assert_eq!((answers.classes, answers.scores.len()), (vec![Some(1), Some(0)], 4));
        let two =
            || [output("x", Elements::Scores(vec![0.2, 0.8])), output("y", Elements::Scores(vec![1.0, 0.0]))];
        assert!(reader(&["a", "b"]).read(&two(), 1, &mut Answers::default()).is_none(), "which one?");
        let mut answers = Answers::default();
        reader(&["a", "b"]).renamed(Some("y"), None).read(&two(), 1, &mut answers).unwrap();
        assert_eq!(answers.classes, [Some(0)]);
    }

    #[test]
    fn labels_alone_tell_classes_and_no_scores() {
        let labels = [10_i64, -3, 7].iter().flat_map(|label| label.to_le_bytes()).collect::<Vec<u8>>();
        let tensor = Tensor { name: "l".into(), dtype: DType::Int64, shape: vec![3], data: labels.into() };
        let mut answers = Answers::default();
        reader(&["-3", "10"]).read(&[Output::of(&tensor)], 3, &mut answers).unwrap();
        assert_eq!((answers.classes, answers.scores.len()), (vec![Some(1), Some(0), None], 0));
    }

    #[test]
    fn a_single_score_is_the_second_classs() {
        let mut answers = Answers::default();
        let single = [output("p", Elements::Scores(vec![0.9, 0.2]))];
        reader(&["0", "1"]).read(&single, 2, &mut answers).unwrap();
        assert_eq!(answers.classes, [Some(1), Some(0)]);
    }
}

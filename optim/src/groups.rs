//! Other settings for some parameters.

use crate::optimizer::Optimizer;
use crate::state::StateError;
use autograd::{Module, Param, ParamId, ParamPath, Tensor};
use std::collections::HashMap;
use std::fmt;

/// Parameters in groups by their path names, each group with an optimizer and a learning rate of its own (PyTorch's parameter
/// groups).
///
/// A pattern is a path name in which `*` stands for any characters, and `?` for one: `*.bias`, `blocks.?.norm.*`. A parameter is in
/// the first group whose pattern it matches, or in none, and then it is the first optimizer's. It stays in its group: the name counts that
/// it has in the model of its first step.
///
/// ```
/// use autograd::{Graph, Param, Tensor};
/// use optim::{Optimizer, ParamGroups, Sgd};
///
/// // With named layers the pattern would be "*.bias"; the fields of a pair are called 0 and 1.
/// let mut model = [1.0_f64, 1.0].map(|x| Param::new(Tensor::from(x)));
/// let mut sgd = ParamGroups::new(Sgd::new().weight_decay(0.5)).group("1", Sgd::new());
/// let graph = Graph::training(0, 0);
/// let grads = ((graph.param(&model[0]) + graph.param(&model[1])) * 0.0).backward();
/// sgd.step(&mut model, &grads, 0.1);
/// assert_eq!(model.map(|param| param.value().item()), [0.95, 1.0]); // no weight decay on the second
/// ```
pub struct ParamGroups {
    groups: Vec<Group>,
    /// The group of each parameter seen.
    of: HashMap<ParamId, usize>,
}

struct Group {
    pattern: String,
    lr_scale: f64,
    optimizer: Box<dyn Optimizer>,
    /// Whether a parameter matched.
    is_used: bool,
}

/// The pattern of the parameters that are in no other group.
const REST: &str = "*";

impl ParamGroups {
    /// This optimizer for all parameters that no group is for.
    pub fn new(optimizer: impl Optimizer + 'static) -> ParamGroups {
        ParamGroups { groups: vec![Group::new(REST, 1.0, optimizer)], of: HashMap::new() }
    }

    /// This optimizer for the parameters whose path names match a pattern.
    ///
    /// # Panics
    /// If the pattern is empty.
    #[must_use]
    #[track_caller]
    pub fn group(self, pattern: &str, optimizer: impl Optimizer + 'static) -> ParamGroups {
        self.scaled_group(pattern, 1.0, optimizer)
    }

    /// As [`group`](ParamGroups::group), with the learning rate of the step times this factor.
    ///
    /// # Panics
    /// If the pattern is empty, or the factor negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn scaled_group(
        mut self,
        pattern: &str,
        lr_scale: f64,
        optimizer: impl Optimizer + 'static,
    ) -> ParamGroups {
        if pattern.is_empty() {
            panic!(
                "group: the pattern is empty; give a path name such as \"head.bias\", or one with a *, such as \"*.bias\""
            );
        }
        if !lr_scale.is_finite() || lr_scale < 0.0 {
            panic!(
                "group: the factor of the learning rate is {lr_scale}; it must be a finite number, 0 or above"
            );
        }
        let rest = self.groups.len() - 1;
        self.groups.insert(rest, Group::new(pattern, lr_scale, optimizer));
        self
    }

    /// The first group that a path name matches; the last matches all.
    fn find(&self, name: &str) -> usize {
        let found = self.groups.iter().position(|group| matches(&group.pattern, name));
        found.unwrap_or(self.groups.len() - 1)
    }

    fn of(&self, param: &Param) -> &Group {
        &self.groups[self.of.get(&param.id()).copied().unwrap_or(self.groups.len() - 1)]
    }
}

impl Group {
    fn new(pattern: &str, lr_scale: f64, optimizer: impl Optimizer + 'static) -> Group {
        Group { pattern: pattern.to_owned(), lr_scale, optimizer: Box::new(optimizer), is_used: false }
    }
}

impl Optimizer for ParamGroups {
    fn describe(&self) -> String {
        let (rest, others) = (&self.groups[self.groups.len() - 1..], &self.groups[..self.groups.len() - 1]);
        let group = |group: &Group| {
            let pattern = if group.pattern == REST { "others" } else { &group.pattern };
            format!("{pattern}: {}", group.optimizer.describe())
        };
        others.iter().chain(rest).map(group).collect::<Vec<_>>().join("; ")
    }

    /// Finds the group of each parameter that is seen for the first time.
    fn begin(&mut self, model: &dyn Module) -> Result<(), String> {
        self.groups.iter_mut().try_for_each(|group| group.optimizer.begin(model))?;
        model.visit(&ParamPath::ROOT, &mut |path, param| {
            if !self.of.contains_key(&param.id()) {
                let group = self.find(&path.to_string());
                self.groups[group].is_used = true;
                self.of.insert(param.id(), group);
            }
        });
        match self.groups.iter().find(|group| !group.is_used && group.pattern != REST) {
            None => Ok(()),
            Some(Group { pattern, .. }) => {
                let names: Vec<String> = model.params().into_iter().map(|(name, _)| name).collect();
                Err(format!(
                    "no parameter of the model is in the group {pattern:?}: none matches it, or those that do are in groups \
                     before it; the model's parameters are {}",
                    names.join(", ")
                ))
            }
        }
    }

    fn update(&mut self, param: &mut Param, grad: &Tensor, lr: f64) {
        let rest = self.groups.len() - 1;
        let group = &mut self.groups[self.of.get(&param.id()).copied().unwrap_or(rest)];
        group.optimizer.update(param, grad, lr * group.lr_scale);
    }

    fn check(&self, path: &ParamPath<'_>, param: &Param) -> Result<(), String> {
        self.of(param).optimizer.check(path, param)
    }

    fn slots(&self) -> Vec<&'static str> {
        let mut slots: Vec<&str> = self.groups.iter().flat_map(|group| group.optimizer.slots()).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    fn state(&self, model: &dyn Module) -> Vec<(String, Tensor)> {
        self.groups.iter().flat_map(|group| group.optimizer.state(model)).collect()
    }

    fn load_state(&mut self, model: &dyn Module, state: Vec<(String, Tensor)>) -> Result<(), StateError> {
        let mut parts: Vec<Vec<(String, Tensor)>> = self.groups.iter().map(|_| vec![]).collect();
        for (name, tensor) in state {
            let group = self.find(name.rsplit_once('/').map_or(&*name, |(param, _)| param));
            parts[group].push((name, tensor));
        }
        let mut before = vec![];
        for (group, part) in self.groups.iter_mut().zip(parts) {
            before.push(group.optimizer.state(model));
            if let Err(error) = group.optimizer.load_state(model, part) {
                // What was taken over already goes back.
                for (group, state) in self.groups.iter_mut().zip(before) {
                    group.optimizer.load_state(model, state)?;
                }
                return Err(error);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ParamGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns: Vec<&str> = self.groups.iter().map(|group| group.pattern.as_str()).collect();
        write!(f, "parameter groups {}", patterns.join(", "))
    }
}

/// Whether a name is one of a pattern, in which `*` stands for any characters and `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // The last star, and the end of what it stands for.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, end)) => {
                    star = Some((at, end + 1));
                    (p, n) = (at + 1, end + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "a.b", true),
            ("*.bias", "conv1.bias", true),
            ("*.bias", "bias", false),
            ("*bias", "bias", true),
            ("*.bias", "conv1.bias.x", false),
            ("blocks.?.norm.*", "blocks.3.norm.scale", true),
            ("blocks.?.norm.*", "blocks.13.norm.scale", false),
            ("*norm*", "a.norm1.scale", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("head.weight", "head.weight", true),
            ("head.weight", "head_weight", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}

//! `{{ }}` inside scalar values, after parsing, so that every span stays true.
//!
//! `{{ vars.name }}` and nothing else is plain substitution: the value's text to the letter, fit for a number. Anything
//! more is rendered by minijinja and fit for text only, because its arithmetic is floating point.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};

use super::codes;
use super::finding::{Finding, did_you_mean};
use super::load::LoadOptions;
use super::schema::field_at;
use super::secrets::looks_like_key;
use super::shape::readable;
use super::tree::{Kind, Node, join};
use super::yaml;

/// Instructions that one template may run; a plain one needs a handful.
const FUEL: u64 = 10_000;

/// Characters of a text with templates in it. The engine takes an expression apart by recursion, and a long one would
/// take the stack with it.
const TEMPLATE_MAX: usize = 1_000;

/// Unknown variables that are compared with all known ones; a file may hold tens of thousands of both.
const COMPARED: u32 = 100;

/// Everything a template may refer to, by name.
struct Names<'a> {
    vars: BTreeMap<&'a str, &'a str>,
    /// All variables, for a template that chooses one by what it computes.
    all: Option<Value>,
    env: BTreeMap<String, String>,
    pair: Option<&'a BTreeMap<String, String>>,
}

/// Replaces all templates of a plan; what cannot be replaced is a finding.
pub(crate) fn substitute(root: &mut Node, options: &LoadOptions<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let variables = Variables::read(root, options, &mut findings);
    let pairs: Vec<_> =
        root.at("/pairs").map(Node::items).unwrap_or_default().iter().map(pair_names).collect();
    root.for_each_scalar("", &mut |pointer, node| {
        let Kind::Text(text) = &node.kind else { return };
        if !text.contains("{{") && !text.contains("{%") {
            return;
        }
        let refused = if pointer.starts_with("/vars/") {
            Some(Finding::error(codes::BAD_TEMPLATE, "a variable holds a plain value, no template"))
        } else if is_key(pointer) {
            Some(
                Finding::error(codes::TEMPLATE_IN_KEY, format!("`{}` holds a template", readable(pointer)))
                    .help("write `env:NAME`, `file:PATH` or `sealed:PATH` out, so that a review sees where a key comes from"),
            )
        } else {
            let pair = pair_of(pointer).and_then(|index| pairs.get(index));
            let is_number = field_at(pointer).is_some_and(|field| field.is_number);
            match variables.replace(text, is_number, pair, options) {
                Ok(value) if looks_like_key(&value) => Some(
                    Finding::error(codes::KEY_MATERIAL, format!("`{}` becomes key material", readable(pointer)))
                        .help("a plan is stored with its run: name the variable in `key: env:NAME` instead"),
                ),
                Ok(value) => {
                    node.kind = Kind::Text(value);
                    None
                }
                Err(finding) => Some(*finding),
            }
        };
        findings.extend(refused.map(|finding| finding.at(pointer, Some(node.span.clone()))));
    });
    findings.extend(variables.unused(root));
    findings
}

/// Returns whether a pointer is the `key:` or the `l1_key:` of a leg.
pub(crate) fn is_key(pointer: &str) -> bool {
    const KEYS: [&str; 4] = ["/long/key", "/short/key", "/long/l1_key", "/short/l1_key"];
    pointer.starts_with("/pairs/") && KEYS.iter().any(|end| pointer.ends_with(end))
}

fn pair_of(pointer: &str) -> Option<usize> {
    pointer.strip_prefix("/pairs/")?.split('/').next()?.parse().ok()
}

/// Returns what `{{ pair.… }}` knows: the id and the account of each leg.
fn pair_names(pair: &Node) -> BTreeMap<String, String> {
    [("id", "/id"), ("long_account", "/long/account"), ("short_account", "/short/account")]
        .into_iter()
        .filter_map(|(name, pointer)| Some((name.to_owned(), pair.at(pointer)?.scalar()?.to_owned())))
        .collect()
}

struct Variables {
    /// `None` when it is still to be given.
    values: BTreeMap<String, Option<String>>,
    /// All that have a value, as the engine sees them.
    all: OnceCell<Value>,
    /// Those that a template asked for.
    used: RefCell<BTreeSet<String>>,
    compared: Cell<u32>,
}

impl Variables {
    fn read(root: &Node, options: &LoadOptions<'_>, findings: &mut Vec<Finding>) -> Self {
        let mut values = scalars_of(root.at("/vars"));
        for file in &options.vars_files {
            let parsed = yaml::parse(file.text());
            let mut problems = parsed.findings;
            if file.unreadable().is_some()
                || !matches!(parsed.root.as_ref().map(|r| &r.kind), Some(Kind::Map(_)))
            {
                problems.push(Finding::error(codes::BAD_TEMPLATE, "is no mapping of names to plain values"));
            }
            for problem in problems {
                let line = problem.span.map_or(1, |span| file.position(span.start).line);
                let message = format!("vars file `{}`, line {line}: {}", file.name(), problem.message);
                findings.push(Finding::error(problem.rule, message));
            }
            values.extend(scalars_of(parsed.root.as_ref()));
        }
        for (name, value) in &options.sets {
            if values.insert(name.clone(), Some(value.clone())).is_none() {
                let message = format!("`--set {name}=…` sets a variable that the plan does not declare");
                let known = values.keys().filter(|known| *known != name).map(String::as_str);
                let help = did_you_mean(name, known).map_or_else(
                    || format!("declare it: `vars: {{ {name}: }}`"),
                    |near| format!("did you mean `{near}`?"),
                );
                findings.push(Finding::error(codes::UNKNOWN_VARIABLE, message).help(help));
            }
        }
        Self { values, all: OnceCell::new(), used: RefCell::default(), compared: Cell::new(0) }
    }

    fn replace(
        &self,
        text: &str,
        is_number: bool,
        pair: Option<&BTreeMap<String, String>>,
        options: &LoadOptions<'_>,
    ) -> Result<String, Box<Finding>> {
        if text.chars().nth(TEMPLATE_MAX).is_some() {
            let message = format!("bad template: more than {TEMPLATE_MAX} characters");
            let finding =
                Finding::error(codes::BAD_TEMPLATE, message).help("templates look like \"{{ vars.name }}\"");
            return Err(Box::new(finding));
        }
        if let Some(path) = name_alone(text) {
            let mut names = Names { vars: BTreeMap::new(), all: None, env: BTreeMap::new(), pair };
            self.look_up(path, &mut names, options)?;
            if let Some(value) = names.get(path) {
                return Ok(value.to_owned());
            }
        }
        let engine = engine();
        let template = engine.template_from_str(text).map_err(|error| bad_template(&error))?;
        let mut names = Names { vars: BTreeMap::new(), all: None, env: BTreeMap::new(), pair };
        // All of them, so that no variable counts as unused because another one is unknown; in order, for one answer.
        let wanted: BTreeSet<String> = template.undeclared_variables(true).into_iter().collect();
        let looked_up: Vec<_> = wanted.iter().map(|path| self.look_up(path, &mut names, options)).collect();
        looked_up.into_iter().collect::<Result<(), _>>()?;
        if let Some(value) = plain(text).and_then(|path| names.get(path)) {
            return Ok(value.to_owned());
        }
        if is_number {
            let finding = Finding::error(codes::NUMBER_EXPRESSION, "a template computes a number here")
                .help("only `{{ vars.name }}` stands for a number: template arithmetic is not exact");
            return Err(Box::new(finding));
        }
        if wanted.contains("vars") {
            names.all = Some(self.all.get_or_init(|| self.whole()).clone());
        }
        let value = template.render(names.to_value()).map_err(|error| bad_template(&error))?;
        Ok(value)
    }

    fn whole(&self) -> Value {
        self.values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?))).collect()
    }

    /// Returns the variable that was meant, as far as one can tell without comparing everything with everything.
    fn near(&self, name: &str) -> Option<&str> {
        let before = self.compared.replace(self.compared.get().saturating_add(1));
        (before < COMPARED).then(|| did_you_mean(name, self.values.keys().map(String::as_str))).flatten()
    }

    /// Finds what a template refers to, and says which name is wrong when there is none.
    fn look_up<'a>(
        &'a self,
        path: &str,
        names: &mut Names<'a>,
        options: &LoadOptions<'_>,
    ) -> Result<(), Box<Finding>> {
        match path.split_once('.') {
            Some(("vars", name)) => {
                let (key, value) = self.variable(name)?;
                names.vars.insert(key, value);
            }
            Some(("env", name)) => {
                let value = (options.env)(name).ok_or_else(|| {
                    let message = format!("environment variable `{name}` is not set");
                    unknown(message, format!("export {name}, or write the value out"))
                })?;
                names.env.insert(name.to_owned(), value);
            }
            Some(("pair", name)) if names.pair.is_some_and(|pair| pair.contains_key(name)) => {}
            // `vars` alone, as in `vars["name"]`: strict undefined still guards it.
            None if matches!(path, "vars" | "env") => {}
            _ => {
                let help = self
                    .near(path)
                    .map_or_else(|| KNOWN_NAMES.to_owned(), |near| format!("did you mean `vars.{near}`?"));
                return Err(unknown(format!("there is nothing called `{path}` here"), help));
            }
        }
        Ok(())
    }

    /// Returns a variable with its value, and notes that it is used.
    fn variable(&self, name: &str) -> Result<(&str, &str), Box<Finding>> {
        let Some((key, value)) = self.values.get_key_value(name) else {
            let help = self.near(name).map_or_else(
                || format!("declare it: `vars: {{ {name}: … }}`"),
                |near| format!("did you mean `vars.{near}`?"),
            );
            return Err(unknown(format!("there is no variable `{name}`"), help));
        };
        self.used.borrow_mut().insert(name.to_owned());
        let value = value.as_deref().ok_or_else(|| {
            unknown(format!("variable `{name}` has no value"), format!("give it one: `--set {name}=VALUE`"))
        })?;
        Ok((key, value))
    }

    fn unused(&self, root: &Node) -> Vec<Finding> {
        let used = self.used.borrow();
        let declared = scalars_of(root.at("/vars"));
        let unused = declared.keys().filter(|name| !used.contains(*name));
        unused
            .map(|name| {
                let at = join("/vars", name);
                let mut finding =
                    Finding::error(codes::UNUSED_VARIABLE, format!("variable `{name}` is never used"))
                        .help(format!("remove it, or use it as `\"{{{{ vars.{name} }}}}\"`"));
                finding.severity = super::finding::Severity::Warning;
                finding.at(&at, root.key_span_at(&at))
            })
            .collect()
    }
}

impl Names<'_> {
    /// Values are text for the engine too: a number printed by it would not be the number that was written.
    fn to_value(&self) -> Value {
        let chosen = || self.vars.iter().map(|(name, value)| (*name, *value)).collect();
        let vars = self.all.clone().unwrap_or_else(chosen);
        let env: Value = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pair: Option<Value> =
            self.pair.map(|pair| pair.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
        [("vars", Some(vars)), ("env", Some(env)), ("pair", pair)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    fn get(&self, path: &str) -> Option<&str> {
        let (space, name) = path.split_once('.')?;
        match space {
            "vars" => self.vars.get(name).copied(),
            "env" => self.env.get(name).map(String::as_str),
            "pair" => self.pair?.get(name).map(String::as_str),
            _ => None,
        }
    }
}

const KNOWN_NAMES: &str = "templates know `vars.NAME`, `env.NAME` and, inside a pair, `pair.id`, `pair.long_account` and \
                           `pair.short_account`";

fn unknown(message: String, help: String) -> Box<Finding> {
    Box::new(Finding::error(codes::UNKNOWN_VARIABLE, message).help(help))
}

fn scalars_of(map: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let Some(Node { kind: Kind::Map(entries), .. }) = map else { return BTreeMap::new() };
    entries.iter().map(|entry| (entry.key.clone(), entry.value.scalar().map(str::to_owned))).collect()
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine
}

/// Returns the path of `{{ a.b }}` when that is all there is.
fn plain(text: &str) -> Option<&str> {
    let path = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let named = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    path.split('.').all(named).then_some(path)
}

/// Returns the path of a template that is nothing but a name, as most are: the engine would take longer to set up than
/// the rest of the plan to read.
fn name_alone(text: &str) -> Option<&str> {
    let path = plain(text)?;
    let (space, name) = path.split_once('.')?;
    let known = matches!(space, "vars" | "env" | "pair") && !name.contains('.');
    (known && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')).then_some(path)
}

/// The engine's own detail may quote values, so only the text of a syntax error is passed on.
fn bad_template(error: &minijinja::Error) -> Box<Finding> {
    let message = match (error.kind(), error.detail()) {
        (ErrorKind::SyntaxError, Some(detail)) => format!("bad template: {detail}"),
        (kind, _) => format!("bad template: {kind}"),
    };
    Box::new(Finding::error(codes::BAD_TEMPLATE, message).help("templates look like \"{{ vars.name }}\""))
}

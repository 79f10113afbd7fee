//! Writes what the TypeScript has from the core: names, settings, columns.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use evenkeel_core::balancer::Why;
use evenkeel_core::health::{Health, Held, Reason};
use evenkeel_core::http::{self, Repeat};
use evenkeel_core::policy::{AnyPolicy, Policy};
use evenkeel_core::retry::{End, Jitter, Step, Verdict};
use evenkeel_core::settings::{Book, Config, Kind};
use evenkeel_core::{Candidacy, EventKind, Heap, Outcome, PickError};

use crate::options::{Choice, preset};
use crate::texts;

const HEAD: &str = "\
// Written by `cargo run -p evenkeel-wasm-build`, from the core's own description. Not to be edited.
";

const SETTINGS_HEAD: &str = "
/** The core's name, the option, its kind, the least, the most, the core's number for 1. */
export const SETTINGS: readonly (readonly [
  name: string,
  path: string,
  kind: SettingKind,
  least: number,
  most: number,
  unit: number,
])[] = [
";

const PRESETS_HEAD: &str = "
/** Where the presets differ from the defaults. */
export const PRESETS: Readonly<
  Record<OutlierPreset, readonly (readonly [setting: number, number: number])[]>
> = {
";

/// The constant, the type and the names of each list, in the order of the core's numbers.
const LISTS: &[(&str, &str, &[&str])] = &[
    ("OUTCOMES", "Outcome", Outcome::NAMES),
    ("VERDICTS", "VerdictName", Verdict::NAMES),
    ("WHYS", "PickReason", Why::NAMES),
    ("REFUSALS", "Refusal", PickError::NAMES),
    ("HEALTHS", "Health", Health::NAMES),
    ("REASONS", "EjectionReason", Reason::NAMES),
    ("HELD", "HeldBy", Held::NAMES),
    ("CANDIDACIES", "Candidacy", Candidacy::NAMES),
    ("EVENTS", "EventKind", EventKind::NAMES),
    ("STEPS", "StepName", Step::NAMES),
    ("ENDS", "EndName", End::NAMES),
    ("JITTERS", "Jitter", Jitter::NAMES),
    ("BOOKS", "OutlierPreset", Book::NAMES),
    ("POLICIES", "PolicyName", AnyPolicy::NAMES),
    ("FEW_POLICIES", "FewPolicyName", evenkeel_wasm::FEW_POLICIES),
    ("KINDS", "SettingKind", Kind::NAMES),
    ("REPEATS", "Repeat", Repeat::NAMES),
    ("ENDPOINT_COLUMNS", "EndpointColumn", evenkeel_wasm::ENDPOINT_COLUMNS),
    ("EVENT_COLUMNS", "EventColumn", evenkeel_wasm::EVENT_COLUMNS),
];

/// Writes the file.
pub(crate) fn write(file: &Path) -> Result<()> {
    fs::write(file, generate()?).context("cannot write ts/generated.ts")
}

fn generate() -> Result<String> {
    let mut text = HEAD.to_owned();
    for (name, kind, names) in LISTS {
        let quoted: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
        writeln!(text, "\nexport type {kind} = {};", quoted.join(" | "))?;
        // Fewer bytes than a list; whoever does not use it leaves it out.
        let list = format!("/* @__PURE__ */ '{}'.split(' ')", names.join(" "));
        writeln!(text, "export const {name} = {list} as readonly {kind}[];")?;
    }
    parameters(&mut text)?;
    unweighted(&mut text)?;
    outcomes(&mut text)?;
    http(&mut text)?;
    let (whys, slots) = (evenkeel_wasm::WHYS, evenkeel_wasm::SLOTS);
    writeln!(text, "\n/** How many reasons and slots fit into what a pick gives. */")?;
    writeln!(text, "export const [MOST_WHYS, MOST_SLOTS] = [{whys}, {slots}];")?;
    let (steps, details) = (evenkeel_wasm::STEPS, evenkeel_wasm::DETAILS);
    writeln!(
        text,
        "\n/** How many steps, and how many outcomes or ends, fit into what a poll gives. */"
    )?;
    writeln!(text, "export const [MOST_STEPS, MOST_DETAILS] = [{steps}, {details}];")?;
    let choices = Choice::all();
    settings(&mut text, &choices)?;
    presets(&mut text)?;
    interfaces(&mut text, &choices)?;
    texts::write(&mut text)?;
    Ok(text)
}

/// Writes which policies ignore weights.
fn unweighted(text: &mut String) -> Result<()> {
    let mut names = Vec::new();
    for name in AnyPolicy::NAMES {
        let policy: AnyPolicy = name.parse()?;
        if !policy.weighs() {
            names.push(format!("'{name}'"));
        }
    }
    writeln!(text, "\n/** The policies that ignore weights. */")?;
    let names = names.join(", ");
    writeln!(text, "export const UNWEIGHTED: readonly string[] = [{names}];")?;
    Ok(())
}

/// Writes what each verdict says of the endpoint.
fn outcomes(text: &mut String) -> Result<()> {
    let verdicts = (0..).map_while(|index| evenkeel_wasm::verdict(index, None));
    let outcomes: Vec<_> = verdicts.map(|verdict| verdict.outcome().index()).collect();
    ensure!(outcomes.len() == Verdict::NAMES.len(), "a verdict is missing");
    writeln!(text, "\n/** The outcome of each verdict: what it says of the endpoint. */")?;
    writeln!(text, "export const OUTCOME_OF_VERDICT: readonly number[] = {outcomes:?};")?;
    Ok(())
}

/// Writes what statuses say, and which requests may be sent again.
fn http(text: &mut String) -> Result<()> {
    writeln!(
        text,
        "\n/** From which status on: the verdict, and what it says of the endpoint. */"
    )?;
    let meaning = |status| [http::verdict(status).index(), http::outcome(status).index()];
    let begins = |status: &u16| *status == 0 || meaning(*status) != meaning(*status - 1);
    let run = |status| {
        let [verdict, outcome] = meaning(status);
        format!("[{status}, {verdict}, {outcome}]")
    };
    let runs: Vec<_> = (0..1000).filter(begins).map(run).collect();
    let row = "readonly [status: number, verdict: number, outcome: number]";
    let runs = runs.join(", ");
    writeln!(text, "export const STATUSES: readonly ({row})[] = [{runs}];")?;
    writeln!(
        text,
        "\n/** The methods that may be sent again, and the header that makes any request so. */"
    )?;
    writeln!(
        text,
        "export const IDEMPOTENT_METHODS: readonly string[] = {:?};",
        http::IDEMPOTENT_METHODS
    )?;
    writeln!(text, "export const IDEMPOTENCY_KEY = '{}';", http::IDEMPOTENCY_KEY)?;
    writeln!(
        text,
        "\n/** How long an endpoint rests that refuses without saying for how long. */"
    )?;
    writeln!(text, "export const COOL_DOWN_MS = {};", http::COOL_DOWN.as_millis())?;
    writeln!(
        text,
        "\n/** After which verdicts, by their numbers, a request may be sent again. */"
    )?;
    writeln!(text, "export const MAY_REPEAT: Readonly<Record<Repeat, readonly number[]>> = {{")?;
    for &repeat in Repeat::ALL {
        let verdicts = (0..).map_while(|index| evenkeel_wasm::verdict(index, None));
        let allowed = verdicts.filter(|&verdict| repeat.allows(verdict));
        let allowed: Vec<_> = allowed.map(|verdict| verdict.index()).collect();
        writeln!(text, "  {}: {allowed:?},", repeat.name())?;
    }
    writeln!(text, "}};")?;
    Ok(())
}

/// Writes the names of each policy's parameters.
fn parameters(text: &mut String) -> Result<()> {
    writeln!(text, "\n/** The names of each policy's parameters. */")?;
    let names = format!("{:?}", AnyPolicy::<Heap>::PARAMETERS).replace('"', "'");
    writeln!(text, "export const PARAMETERS = {names} as const;")?;
    Ok(())
}

fn settings(text: &mut String, choices: &[Choice]) -> Result<()> {
    text.push_str(SETTINGS_HEAD);
    for choice in choices {
        let Choice { path, setting, unit, .. } = choice;
        let (name, kind) = (setting.name, setting.kind.name());
        let (least, most) = (choice.number(setting.least), choice.number(setting.most));
        writeln!(text, "  ['{name}', '{path}', '{kind}', {least}, {most}, {unit}],")?;
    }
    writeln!(text, "];")?;
    Ok(())
}

/// Writes what is different in each preset from the defaults: pairs of a setting and its number.
fn presets(text: &mut String) -> Result<()> {
    text.push_str(PRESETS_HEAD);
    for &book in Book::ALL {
        let preset = preset(book);
        let pairs = (0..Config::SETTINGS.len()).filter_map(|index| {
            let (number, default) = (preset.get(index)?, Config::DEFAULT.get(index)?);
            (number != default).then(|| format!("[{index}, {number}]"))
        });
        let pairs: Vec<_> = pairs.collect();
        writeln!(text, "  {}: [{}],", book.name(), pairs.join(", "))?;
    }
    writeln!(text, "}};")?;
    Ok(())
}

/// Writes an interface for each group of options; that of all is `Settings`.
fn interfaces(text: &mut String, choices: &[Choice]) -> Result<()> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for choice in choices.iter().filter(|choice| choice.setting.name != "seed") {
        let (group, name) = choice.path.rsplit_once('.').unwrap_or(("", &choice.path));
        if choices.iter().any(|other| other.path.starts_with(&format!("{}.", choice.path))) {
            // A switch of a group, which is said by the group itself.
            continue;
        }
        let kind = match choice.setting.kind {
            Kind::Flag => "boolean",
            Kind::Count | Kind::Time => "number",
            Kind::Zone => "string",
            Kind::Book => "OutlierPreset",
        };
        let body = groups.entry(group).or_default();
        writeln!(body, "  /** {} */\n  readonly {name}?: {kind};", document(choice))?;
    }
    let names: Vec<_> = groups.keys().copied().filter(|group| !group.is_empty()).collect();
    for path in names {
        let (group, name) = path.rsplit_once('.').unwrap_or(("", path));
        let (switch, doc) = match choices.iter().find(|choice| choice.path == path) {
            Some(switch) => (" | boolean", format!("  /** {} */\n", document(switch))),
            None if group.is_empty() => ("", String::new()),
            None => (" | boolean", String::new()),
        };
        let body = groups.entry(group).or_default();
        writeln!(body, "{doc}  readonly {name}?: {}{switch};", interface(name))?;
    }
    for (path, body) in groups {
        let name = path.rsplit('.').next().filter(|name| !name.is_empty()).unwrap_or("settings");
        writeln!(text, "\nexport interface {} {{\n{body}}}", interface(name))?;
    }
    Ok(())
}

fn interface(name: &str) -> String {
    let (initial, rest) = name.split_at(1);
    initial.to_uppercase() + rest
}

/// Returns what an option does, its limits and its default.
fn document(choice: &Choice) -> String {
    let setting = choice.setting;
    let (least, most) = (choice.number(setting.least), choice.number(setting.most));
    let default = choice.number(choice.default);
    let facts = match setting.kind {
        Kind::Flag => format!("Default {}.", choice.default > 0),
        Kind::Count => format!("{least}..={most}, default {default}."),
        Kind::Time => format!("In milliseconds, {least}..={most}, default {default}."),
        Kind::Zone => "Default: none.".to_owned(),
        Kind::Book => format!("Default `{}`.", Book::default().name()),
    };
    let sentences: Vec<_> = setting.doc.split_whitespace().collect();
    // Links to the core's own documentation lead nowhere here.
    let sentences = sentences.join(" ").replace("[`", "`").replace("`]", "`");
    format!("{sentences} {facts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_tables_are_those_of_the_core() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ts/generated.ts");
        let committed = fs::read_to_string(file).expect("ts/generated.ts");
        let advice = "out of date: cargo run -p evenkeel-wasm-build, and commit ts/generated.ts";
        assert_eq!(committed, generate().expect("tables"), "{advice}");
    }
}

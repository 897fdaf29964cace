//! Every flag, defined and documented once. Each can be given by an environment variable too.

mod known;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use modelendpoint_admission_policies::Minor;

use known::{Known, provider_names, rule_ids};

/// Checks Modelplane `ModelEndpoint`s as the admission webhook would.
///
/// Exit codes: 0 fine, 1 findings, 2 usage or start-up error.
#[derive(Debug, Parser)]
#[command(name = "modelendpoint", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  modelendpoint check manifests/            what the webhook would say of them
  modelendpoint rules url-port              what a rule prevents
  modelendpoint providers groq              what to write for a provider
  modelendpoint check --cluster -A          of what is stored
  modelendpoint help check                  more about a command";

#[derive(Debug, Subcommand)]
pub enum Command {
    Check(Check),
    Migrate(Migrate),
    Audit(Audit),
    Rules(Rules),
    Providers(Providers),
    Policies(Policies),
    Certs(Certs),
    Completions(Completions),
    Man(Man),
}

// the headings of the help
const SEARCH: &str = "Search";
const JUDGING: &str = "Judging";
const FIXES: &str = "Fixes";
const CLUSTER: &str = "Cluster";
const OUTPUT: &str = "Output";
const REPORTS: &str = "Reports";
const METRICS: &str = "Metrics and log";

/// Check manifests as the webhook would: what it would refuse, warn about or change, and where.
///
/// Objects of other kinds are skipped. Exit codes: 0 nothing would be refused; 1 something would be refused or, with
/// --warnings-as-errors, admitted with a warning; 2 something can't be read or written, or a flag is wrong.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(after_help = CHECK_EXAMPLES)]
pub struct Check {
    /// Files, directories (searched for .yaml, .yml and .json), or `-` for standard input.
    #[arg(value_name = "FILE|DIR|-", required_unless_present = "cluster")]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub search: Search,

    /// Severities of rules and allow lists of hosts, as `serve` takes them: docs/policy.md.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_CHECK_POLICY", help_heading = JUDGING)]
    pub policy: Option<PathBuf>,

    /// The namespace of manifests that name none (`default` without this flag); with --cluster, the namespace to read.
    #[arg(
        long,
        short,
        value_name = "NAME",
        env = "MODELENDPOINT_WEBHOOK_CHECK_NAMESPACE",
        help_heading = JUDGING
    )]
    pub namespace: Option<String>,

    /// The version of Modelplane that the endpoints are for: versions before 0.5 use url and rewritePath, 0.5 uses origin,
    /// api, model and credential. By default, --cluster asks the cluster, and the fields of a manifest decide.
    #[arg(
        long,
        value_name = "VERSION",
        value_enum,
        env = "MODELENDPOINT_WEBHOOK_CHECK_MODELPLANE",
        help_heading = JUDGING
    )]
    pub modelplane: Option<Modelplane>,

    /// Exit with code 1 for warnings too.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CHECK_WARNINGS_AS_ERRORS",
        value_parser = BoolishValueParser::new(),
        help_heading = JUDGING
    )]
    pub warnings_as_errors: bool,

    /// Correct spelling: slashes, white space, the notation of an address. What is read from standard input is written to
    /// standard output.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CHECK_FIX",
        value_parser = BoolishValueParser::new(),
        help_heading = FIXES
    )]
    pub fix: bool,

    /// With --fix or --diff, also apply guesses: every value after "did you mean".
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CHECK_UNSAFE_FIXES",
        value_parser = BoolishValueParser::new(),
        help_heading = FIXES
    )]
    pub unsafe_fixes: bool,

    /// With --fix or --diff, add a missing rewritePath. It then no longer follows the url.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CHECK_FIX_DEFAULTS",
        value_parser = BoolishValueParser::new(),
        help_heading = FIXES
    )]
    pub fix_defaults: bool,

    /// Print what --fix would change as a patch for `git apply` or `patch -p1`, and change nothing.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CHECK_DIFF",
        value_parser = BoolishValueParser::new(),
        help_heading = FIXES
    )]
    pub diff: bool,

    /// Check what a cluster stores: which ModelEndpoints would be refused or changed if they were written today. It uses
    /// the cluster of the kubeconfig or, in a pod, the pod's own cluster.
    #[arg(
        long,
        conflicts_with_all = ["paths", "fix", "diff"],
        env = "MODELENDPOINT_WEBHOOK_CHECK_CLUSTER",
        value_parser = BoolishValueParser::new(),
        help_heading = CLUSTER
    )]
    pub cluster: bool,

    /// With --cluster, read all namespaces.
    #[arg(
        long,
        short = 'A',
        requires = "cluster",
        conflicts_with_all = ["namespace", "paths"],
        env = "MODELENDPOINT_WEBHOOK_CHECK_ALL_NAMESPACES",
        value_parser = BoolishValueParser::new(),
        help_heading = CLUSTER
    )]
    pub all_namespaces: bool,

    #[command(flatten)]
    pub access: Access,

    /// The format of the output.
    #[arg(
        long,
        value_enum,
        default_value_t = CheckFormat::Text,
        env = "MODELENDPOINT_WEBHOOK_CHECK_FORMAT",
        help_heading = OUTPUT
    )]
    pub format: CheckFormat,

    /// Write the output to this file instead of standard output.
    #[arg(
        long,
        short,
        value_name = "FILE",
        env = "MODELENDPOINT_WEBHOOK_CHECK_OUTPUT",
        help_heading = OUTPUT
    )]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub color: Color,

    /// Also list values that the webhook changes without a warning, such as defaults.
    #[arg(
        long,
        short,
        env = "MODELENDPOINT_WEBHOOK_CHECK_VERBOSE",
        value_parser = BoolishValueParser::new(),
        help_heading = OUTPUT
    )]
    pub verbose: bool,

    /// Print only findings and errors: no summary, no notes, no progress bar.
    #[arg(
        long,
        short,
        conflicts_with = "verbose",
        env = "MODELENDPOINT_WEBHOOK_CHECK_QUIET",
        value_parser = BoolishValueParser::new(),
        help_heading = OUTPUT
    )]
    pub quiet: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  modelendpoint check manifests/                  all manifests in a directory
  kustomize build . | modelendpoint check -       what a program renders
  modelendpoint check --diff manifests/           look at corrections first
  modelendpoint check --fix manifests/            correct what is misspelled
  modelendpoint check --format sarif -o sarif .   for code scanning
  modelendpoint check --cluster -A --context dev  what a cluster stores already";

/// How directories are searched.
#[derive(Debug, Args)]
pub struct Search {
    /// When searching a directory, skip what matches this pattern, written as in .gitignore. Can be repeated.
    #[arg(long, value_name = "GLOB", env = "MODELENDPOINT_WEBHOOK_EXCLUDE", help_heading = SEARCH)]
    pub exclude: Vec<String>,

    /// When searching a directory, also read the files that git ignores.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_NO_IGNORE",
        value_parser = BoolishValueParser::new(),
        help_heading = SEARCH
    )]
    pub no_ignore: bool,
}

/// Which cluster, and as whom.
#[derive(Debug, Args)]
pub struct Access {
    /// The kubeconfig file. By default, the one that kubectl uses.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_KUBECONFIG", help_heading = CLUSTER)]
    pub kubeconfig: Option<PathBuf>,

    /// The context of the kubeconfig. By default, its current context.
    #[arg(long, value_name = "NAME", env = "MODELENDPOINT_WEBHOOK_CONTEXT", help_heading = CLUSTER)]
    pub context: Option<String>,
}

#[derive(Debug, Clone, Copy, Args)]
pub struct Color {
    /// When to use colors. With `auto`, on a terminal, unless `NO_COLOR` is set.
    #[arg(
        long = "color",
        id = "color",
        value_name = "WHEN",
        value_enum,
        default_value_t = ColorChoice::Auto,
        env = "MODELENDPOINT_WEBHOOK_COLOR",
        help_heading = OUTPUT
    )]
    pub when: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Modelplane {
    /// Before 0.5.
    #[value(name = "0.3")]
    V0_3,
    #[value(name = "0.5")]
    V0_5,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people: the source line with the part that matters underlined.
    Text,
    /// For programs: docs/check.schema.json describes it.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
}

/// Judge what a cluster stores, continuously or once, and keep reports about it up to date.
///
/// Reads all ModelEndpoints in pages, then follows changes. Each endpoint that the webhook would refuse or warn about
/// today gets a `Report` of openreports.io or, if the cluster knows only that, a `PolicyReport` of wgpolicyk8s.io. The
/// report is deleted when the endpoint is corrected or deleted. Metrics count the same.
#[derive(Debug, Args)]
#[command(after_help = AUDIT_EXAMPLES)]
pub struct Audit {
    /// Read everything once, update the reports and exit. The exit code is 2 if that failed.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_ONCE",
        value_parser = BoolishValueParser::new()
    )]
    pub once: bool,

    /// Severities of rules and allow lists of hosts, as `serve` takes them: docs/policy.md. When the file changes,
    /// everything is judged again.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_AUDIT_POLICY", help_heading = JUDGING)]
    pub policy: Option<PathBuf>,

    /// The version of Modelplane that the endpoints are for. Endpoints with fields that this version drops are reported. By
    /// default, the fields of an endpoint decide.
    #[arg(
        long,
        value_name = "VERSION",
        value_enum,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_MODELPLANE",
        help_heading = JUDGING
    )]
    pub modelplane: Option<Modelplane>,

    #[command(flatten)]
    pub access: Access,

    /// How often to read everything again. Changes are followed anyway; this repairs reports that somebody else changed.
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "10m",
        value_parser = minutes,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_EVERY",
        help_heading = REPORTS
    )]
    pub every: Duration,

    /// The address to serve /metrics, /livez and /readyz on.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "[::]:8080",
        env = "MODELENDPOINT_WEBHOOK_AUDIT_OPS_LISTEN",
        help_heading = METRICS
    )]
    pub ops_listen: SocketAddr,

    /// The maximum number of reports. Further endpoints are only counted in the metrics.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 10_000,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_MAX_REPORTS",
        help_heading = REPORTS
    )]
    pub max_reports: usize,

    /// The maximum number of namespaces with their own metrics. The others are summed.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 100,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_METRIC_NAMESPACES",
        help_heading = METRICS
    )]
    pub metric_namespaces: usize,

    /// The format of the log.
    #[arg(
        long,
        value_enum,
        default_value_t = LogFormat::Text,
        env = "MODELENDPOINT_WEBHOOK_AUDIT_LOG_FORMAT",
        help_heading = METRICS
    )]
    pub log_format: LogFormat,
}

const AUDIT_EXAMPLES: &str = "\
Examples:
  modelendpoint audit                          all the time, in a Deployment
  modelendpoint audit --once                   once, in a CronJob
  modelendpoint audit --once --modelplane 0.5  what an upgrade would drop";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// `90s`, `10m` or `1h`.
fn minutes(text: &str) -> Result<Duration, String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3600)].into_iter().find_map(|(unit, seconds)| {
        text.strip_suffix(unit)?.parse::<u32>().ok().map(|count| u64::from(count) * seconds)
    });
    let seconds = seconds.filter(|seconds| *seconds > 0);
    seconds.map(Duration::from_secs).ok_or_else(|| "write a duration like 90s, 10m or 1h".to_owned())
}

/// Rewrite manifests with a url for Modelplane 0.5: `url` and `rewritePath` become `origin` and `api.prefix`.
///
/// Comments and order are kept. What can't be mapped (addresses, passwords, queries) is not changed, but reported.
/// Exit codes: 0 fine; 1 something must be rewritten by hand; 2 something can't be read or written, or a flag is wrong.
#[derive(Debug, Args)]
#[command(after_help = MIGRATE_EXAMPLES)]
pub struct Migrate {
    /// Files, directories (searched for .yaml, .yml and .json), or `-` to read standard input and write standard output.
    #[arg(value_name = "FILE|DIR|-", required = true)]
    pub paths: Vec<PathBuf>,

    #[command(flatten)]
    pub search: Search,

    /// Print the changes as a patch for `git apply` or `patch -p1`, and change nothing.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_MIGRATE_DIFF",
        value_parser = BoolishValueParser::new(),
        help_heading = OUTPUT
    )]
    pub diff: bool,

    #[command(flatten)]
    pub color: Color,
}

const MIGRATE_EXAMPLES: &str = "\
Examples:
  modelendpoint migrate --diff manifests/  look at every change first
  modelendpoint migrate manifests/         rewrite the files
  modelendpoint migrate -                  standard input to standard output";

/// Show the rules: what each one judges, why, and examples.
#[derive(Debug, Args)]
pub struct Rules {
    /// Show only this rule.
    #[arg(value_parser = Known(rule_ids), hide_possible_values = true)]
    pub id: Option<String>,

    /// The format of the output.
    #[arg(
        long,
        value_enum,
        default_value_t = RulesFormat::Text,
        env = "MODELENDPOINT_WEBHOOK_RULES_FORMAT"
    )]
    pub format: RulesFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RulesFormat {
    Text,
    Json,
    Markdown,
}

/// Show where known providers and servers have their API, and what to write for each.
#[derive(Debug, Args)]
pub struct Providers {
    /// Show only those with this text in their name or host.
    #[arg(value_parser = Known(provider_names), hide_possible_values = true)]
    pub name: Option<String>,

    /// The format of the output.
    #[arg(
        long,
        value_enum,
        default_value_t = RulesFormat::Text,
        env = "MODELENDPOINT_WEBHOOK_PROVIDERS_FORMAT"
    )]
    pub format: RulesFormat,
}

/// Print the rules as admission policies: the API server then judges and defaults endpoints by itself.
///
/// Apply them with `kubectl apply --server-side -f -`. They are ValidatingAdmissionPolicies, a MutatingAdmissionPolicy
/// and their bindings. docs/admission-policies.md says what only the webhook can do.
#[derive(Debug, Args)]
#[command(after_help = POLICIES_EXAMPLES)]
pub struct Policies {
    /// Severities of rules and allow lists of hosts, as `serve` takes them: docs/policy.md.
    #[arg(long, value_name = "FILE", env = "MODELENDPOINT_WEBHOOK_POLICIES_POLICY")]
    pub policy: Option<PathBuf>,

    /// The minor version of the cluster. What it does not support is left out, and a comment says so.
    #[arg(long, value_name = "MINOR", default_value_t = Minor::NEWEST, env = "MODELENDPOINT_WEBHOOK_POLICIES_KUBERNETES")]
    pub kubernetes: Minor,
}

const POLICIES_EXAMPLES: &str = "\
Examples:
  modelendpoint policies --kubernetes 1.34        for a cluster of this version
  modelendpoint policies --policy policy.yaml     with a policy of your own
  modelendpoint policies | kubectl apply --server-side -f -";

/// Create a CA and a certificate for development: ca.crt, tls.crt and tls.key.
///
/// The certificate is for SERVICE.NAMESPACE.svc, SERVICE.NAMESPACE.svc.cluster.local, localhost
/// and the loopback addresses. The CA's key is not kept, so nothing else can be signed with it.
#[derive(Debug, Args)]
pub struct Certs {
    /// The Service that the API server calls.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_SERVICE"
    )]
    pub service: String,

    /// The namespace of the Service.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "modelendpoint-webhook",
        env = "MODELENDPOINT_WEBHOOK_NAMESPACE"
    )]
    pub namespace: String,

    /// The directory to write to. It is created if it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".", env = "MODELENDPOINT_WEBHOOK_CERTS_OUT")]
    pub out: PathBuf,

    /// How many days both certificates are valid.
    #[arg(
        long,
        default_value_t = 365,
        value_parser = clap::value_parser!(u16).range(1..),
        env = "MODELENDPOINT_WEBHOOK_CERTS_DAYS"
    )]
    pub days: u16,

    /// Overwrite existing files.
    #[arg(
        long,
        env = "MODELENDPOINT_WEBHOOK_CERTS_FORCE",
        value_parser = BoolishValueParser::new()
    )]
    pub force: bool,
}

/// Print a script with which a shell completes commands, flags, rules and providers.
#[derive(Debug, Args)]
pub struct Completions {
    pub shell: clap_complete::Shell,
}

/// Write the manual pages: one for the program and one for each command.
#[derive(Debug, Args)]
pub struct Man {
    /// The directory to write to. It is created if it does not exist.
    #[arg(long, value_name = "DIR", default_value = ".", env = "MODELENDPOINT_WEBHOOK_MAN_OUT")]
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn every_flag_has_a_doc_and_an_environment_variable_of_its_own() {
        test_support::flags::check(&Cli::command());
    }
}

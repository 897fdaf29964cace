//! A value and the unit that a panel names in, the text that a person reads out.

/// As Grafana writes it, with three digits that count.
pub(super) fn shown(value: f64, unit: &str) -> String {
    match unit {
        "s" => seconds(value),
        "bytes" => scaled(
            value,
            &[("GiB", 1024.0 * 1024.0 * 1024.0), ("MiB", 1024.0 * 1024.0), ("KiB", 1024.0)],
            "B",
        ),
        "reqps" => format!("{} req/s", digits(value)),
        "percentunit" => format!("{} %", digits(value * 100.0)),
        _ => digits(value),
    }
}

fn seconds(value: f64) -> String {
    let units =
        [("weeks", 604_800.0), ("days", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)];
    if value == 0.0 { "0 s".to_owned() } else { scaled(value, &units, "") }
}

fn scaled(value: f64, units: &[(&str, f64)], least: &str) -> String {
    match units.iter().find(|(_, size)| value.abs() >= *size) {
        Some((unit, size)) => format!("{} {unit}", digits(value / size)),
        None if least.is_empty() => format!("{} µs", digits(value * 1e6)),
        None => format!("{} {least}", digits(value)),
    }
}

fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn values_have_the_unit_that_fits_their_size() {
        let all = [
            (0.000_02, "s"),
            (0.0, "s"),
            (31_536_000.0, "s"),
            (7_340_032.0, "bytes"),
            (12.34, "reqps"),
            (3.0, "short"),
        ];
        let texts = all.map(|(value, unit)| shown(value, unit));
        assert_eq!(texts, ["20 µs", "0 s", "52.1 weeks", "7 MiB", "12.3 req/s", "3"]);
    }
}

# Reads the closing lines of cargo-nextest, of Rust's own harness and of Node: how many tests passed, failed and were skipped.

function add(part) {
    if (part ~ /pass/) p += part
    else if (part ~ /fail|timed out|cancelled/) f += part
    else if (part ~ /ignored|skip|todo/) s += part
}
/^ *Summary \[/ || /^test result: / {
    gsub(/\([^)]*\)/, "")
    sub(/^.*(tests? run: |test result: [A-Za-z]+\. )/, "")
    n = split($0, parts, /[,;] */)
    for (i = 1; i <= n; i++) add(parts[i])
}
/^[^ ]+ (pass|fail|cancelled|skipped|todo) [0-9]+$/ { add($3 " " $2) }
END { printf "p=%d f=%d s=%d", p, f, s }

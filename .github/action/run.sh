#!/usr/bin/env bash
# The step of action.yml: checks the plans, annotates the lines, writes SARIF and the summary of the job.
# Reads LIGHTER_PLAN (the program), PATHS, ARGS, MIN_SEVERITY, SARIF_FILE, and what GitHub gives every step.
set -uo pipefail

program="${LIGHTER_PLAN:-lighter-plan}"
sarif="${SARIF_FILE:-lighter-plan.sarif}"
report="$(mktemp)"
trap 'rm -f "$report"' EXIT
# Both are lists that the author of the workflow wrote, split at blanks on purpose.
read -r -a paths <<<"${PATHS:-.}"
read -r -a more <<<"${ARGS:-}"

"$program" validate --format github --format "sarif:$sarif" --format "concise:$report" \
  --min-severity "${MIN_SEVERITY:-warning}" "${more[@]}" "${paths[@]}"
code=$?

{
  echo "### lighter-plan"
  echo
  if [ "$code" -eq 0 ]; then
    echo "No findings."
  elif [ -s "$report" ]; then
    echo '```text'
    head -n 50 "$report"
    echo '```'
  else
    echo "The plans could not be checked; exit code $code."
  fi
} >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
{
  echo "exit-code=$code"
  echo "sarif=$sarif"
} >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"

// Completion scripts for shells. Subcommands and options are part of the script. Live values, such
// as the names of probes and the ids of processes, come from `sonde __complete`.
import type { CompletedCommand, Kind } from './definition.js';

export const SHELLS = ['bash', 'zsh'] as const;

export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  return shell === 'bash' ? bash(commands) : zsh(commands);
}

// Names of live probes are another program's text. `compgen -W` would expand them like a command
// line, so they are compared one by one. bash splits words at `:`, and replaces only the last part.
function bash(commands: readonly CompletedCommand[]): string {
  return `# Completion of sonde for bash: source <(sonde completion bash)
${place(commands)}
_sonde() {
  local line=\${COMP_LINE:0:COMP_POINT} current= kind command index match text
  local -a words=() list=() about=() shown=()
  COMPREPLY=()
  IFS=$' \\t\\n' read -ra words <<<"$line"
  case $line in
    *[[:space:]]) ;;
    *)
      current=\${words[\${#words[@]}-1]}
      unset "words[\${#words[@]}-1]"
      ;;
  esac
  _sonde_place "$current" "\${words[@]:1}"
  # A target may be a file with probes.
  case $kind:$current in
    'live targets':*/*) kind=files ;;
  esac
  case $kind in
    files)
      compopt -o filenames 2>/dev/null
      while IFS= read -r match; do COMPREPLY+=("$match"); done < <(compgen -f -- "$current")
      return
      ;;
    live*)
      while IFS=$'\\t' read -r match text; do
        list+=("$match")
        about+=("$text")
      done < <("\${1:-sonde}" __complete "\${kind#live }" 2>/dev/null)
      ;;
  esac
  for index in "\${!list[@]}"; do
    match=\${list[index]}
    [ "\${match:0:\${#current}}" = "$current" ] || continue
    case $COMP_WORDBREAKS in
      *:*) match=\${match#"\${current%"\${current##*:}"}"} ;;
    esac
    text=\${about[index]}
    COMPREPLY+=("$match")
    shown+=("$match\${text:+  ($text)}")
  done
  # Several are listed and not inserted, unless a key goes through them (COMP_TYPE 37).
  if [ \${#COMPREPLY[@]} -gt 1 ] && [ "\${COMP_TYPE:-9}" != 37 ]; then COMPREPLY=("\${shown[@]}"); fi
}
complete -F _sonde sonde
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const options = commands.map(
    (command) =>
      `        ${quote(command.name)}) about=(${command.options
        .flatMap(({ flags, description }) => flags.map((flag) => quote(`${flag}:${description}`)))
        .join(' ')}) ;;`,
  );
  return `#compdef sonde
# Completion of sonde for zsh: source <(sonde completion zsh), or a file _sonde in a folder of $fpath
${place(commands)}
_sonde() {
  local current= kind command match text
  local -a list about
  _sonde_place "\${words[CURRENT]}" "\${(@)words[2,CURRENT-1]}"
  case \${words[CURRENT]} in
    --*=*) compset -P '*=' ;;
  esac
  # A target may be a file with probes.
  case $kind:$current in
    'live targets':*/*) kind=files ;;
  esac
  case $kind in
    commands)
      about=(${commands.map(({ name, description }) => quote(`${name}:${description}`)).join(' ')})
      _describe -t commands subcommand about
      ;;
    options)
      case $command in
${options.join('\n')}
      esac
      _describe -o -t options option about
      ;;
    files) _files ;;
    words) compadd -a list ;;
    live*)
      while IFS=$'\\t' read -r match text; do
        list+=("$match")
        about+=("$match\${text:+  ($text)}")
      done < <("\${words[1]:-sonde}" __complete "\${kind#live }" 2>/dev/null)
      compadd -l -d about -a list
      ;;
  esac
}
if [ "\${funcstack[1]}" = _sonde ]; then
  _sonde "$@"
else
  compdef _sonde sonde
fi
`;
}

/**
 * Shell functions that bash and zsh both run. `_sonde_place` finds out what the current word is: it
 * sets `kind`, for kinds that are fixed also `list`, and `current` to what is to be completed.
 */
function place(commands: readonly CompletedCommand[]): string {
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ value }) => value !== undefined)
      .map(({ flags, value }) => [flags.map((flag) => quote(`${name} ${flag}`)).join(' | '), set(value!)]),
  );
  const places = commands.flatMap(({ name, places, isVariadic }) =>
    places.map((kind, index) => [
      isVariadic && index === places.length - 1 ? `${quote(`${name} `)}*` : quote(`${name} ${index}`),
      set(kind),
    ]),
  );
  const options = commands.map(({ name, options }) => [quote(name), array(options.flatMap(({ flags }) => flags))]);
  return `_sonde_value() {
  case "$command $1" in
${alternatives(values)}
    *) return 1 ;;
  esac
}
_sonde_place() {
  local word option= place=0
  current=$1 kind=none command= list=()
  shift
  for word in "$@"; do
    if [ -n "$option" ]; then
      option=
      continue
    fi
    case $word in
      -?*) if _sonde_value "$word"; then option=$word; fi ;;
      *) if [ -z "$command" ]; then command=$word; else place=$((place + 1)); fi ;;
    esac
  done
  kind=none list=()
  if [ -n "$option" ]; then
    _sonde_value "$option"
    return
  fi
  case $current in
    --*=*)
      _sonde_value "\${current%%=*}"
      current=\${current#*=}
      return
      ;;
    -*)
      kind=options
      case $command in
${alternatives(options)}
        *) list=(-h --help) ;;
      esac
      return
      ;;
  esac
  case "$command $place" in
    ' 0') kind=commands ${array(commands.map(({ name }) => name))} ;;
${alternatives(places)}
  esac
}`;
}

function alternatives(cases: readonly (readonly string[])[]): string {
  return cases.map(([pattern, action]) => `    ${pattern}) ${action} ;;`).join('\n');
}

function set(kind: Kind): string {
  if (typeof kind !== 'string') return `kind=words ${array(kind.words)}`;
  return kind === 'none' || kind === 'files' ? `kind=${kind}` : `kind=${quote(`live ${kind}`)}`;
}

function array(words: readonly string[]): string {
  return `list=(${words.map(quote).join(' ')})`;
}

function quote(text: string): string {
  return /^[\w@%+,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// Completion for bash, from version 3.2 on.

import { quoted, type Stop, stepsOf, type Value } from "./completion-stops.js";

export function bashScript(program: string, stops: readonly Stop[]): string {
  const name = `_${program.replaceAll("-", "_")}`;
  const { commands, options } = stepsOf(stops);
  return `# Completion of ${program} for bash: source <(${program} completion bash)
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} place= option= word i IFS=$'\\n'
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $option ]]; then option=; continue; fi
    case "$place $word" in
      ${commands.map(quoted).join(" | ")}) place="\${place:+$place }$word" ;;
      ${options.map(quoted).join(" | ")}) option=$word ;;
    esac
  done
  COMPREPLY=()
  case "$place|$option" in
${stops.flatMap(casesOf).join("\n")}
  esac
}
complete -F ${name} ${program}
`;
}

function casesOf(stop: Stop): string[] {
  const { paths, commands, options, values, argument } = stop;
  const own = argument === undefined ? offer({ words: commands.map(([word]) => word) }) : offer(argument);
  const flags = offer({ words: options.map(([word]) => word) });
  return [
    ...values.map(([option, value]) => `    ${keys(paths, option)}) ${offer(value)} ;;`),
    `    ${keys(paths, "")}) if [[ $current == -* ]]; then ${flags}; else ${own}; fi ;;`,
  ];
}

const keys = (paths: readonly string[], option: string) => paths.map((path) => quoted(`${path}|${option}`)).join(" | ");

function offer(value: Value): string {
  if ("path" in value) {
    const kind = value.path === "folder" ? "-d" : "-f";
    return `compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen ${kind} -- "$current"))`;
  }
  if (value.words.length === 0) return ":";
  return `COMPREPLY=($(compgen -W $'${value.words.join("\\n")}' -- "$current"))`;
}

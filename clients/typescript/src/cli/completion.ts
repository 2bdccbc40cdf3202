import type { Arguments, Call, Command } from "./command.ts";
import { COMMON } from "./command.ts";
import type { Group, Named } from "./commands.ts";
import { EXIT, type Exit, WrongUse } from "./exit.ts";

/** What may come behind words that were typed. */
interface Place {
  /** The words, such as `policy pull`; empty at the beginning. */
  readonly path: string;
  readonly choices: readonly { readonly word: string; readonly about: string }[];
}

/** The innermost first, so that the first place that fits is the right one. */
async function placesOf(path: string, { commands }: Group): Promise<Place[]> {
  const inner: Place[] = [];
  for (const [word, one] of Object.entries(commands)) {
    const to = `${path} ${word}`.trim();
    inner.push(...("commands" in one ? await placesOf(to, one) : [await leafOf(to, one)]));
  }
  const choices = Object.entries(commands).map(([word, { about }]) => ({ word, about }));
  return [...inner, { path, choices }];
}

async function leafOf(path: string, { load }: Named): Promise<Place> {
  const args: Arguments = { ...(await load()).args, ...COMMON };
  const options = Object.entries(args).filter(([, { type }]) => type !== "positional");
  const choices = options.map(([name, { description }]) => ({
    word: `--${name}`,
    about: description ?? "",
  }));
  return { path, choices };
}

const words = ({ choices }: Place) => choices.map(({ word }) => word).join(" ");

/** The test of a shell's `case` for a place. */
const fits = ({ path }: Place) => path === "" ? "*" : `"${path}"|"${path} "*`;

function bash(places: readonly Place[]): string {
  const rows = places.map((place) => `    ${fits(place)}) choices="${words(place)}" ;;\n`);
  return `_countersign() {
  local choices
  case "\${COMP_WORDS[*]:1:COMP_CWORD-1}" in
${rows.join("")}  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _countersign countersign
`;
}

function zsh(places: readonly Place[]): string {
  const rows = places.map((place) => `    (${fits(place)}) choices=(${words(place)}) ;;\n`);
  return `#compdef countersign
_countersign() {
  local -a choices
  case "\${(j: :)words[2,CURRENT-1]}" in
${rows.join("")}  esac
  compadd -- "\${choices[@]}"
  _files
}
compdef _countersign countersign
`;
}

function fish(places: readonly Place[]): string {
  const quoted = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`;
  const rows = places.flatMap((place) => {
    const path = place.path.split(" ").filter((word) => word !== "");
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    return place.choices.map(({ word, about }) => {
      const none = word.startsWith("--") ? [] : [`not __fish_seen_subcommand_from ${words(place)}`];
      const when = quoted([...seen, ...none].join("; and "));
      const what = word.startsWith("--") ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c countersign -n ${when} ${what} -d ${quoted(about)}\n`;
    });
  });
  return rows.join("");
}

const SHELLS = { bash, zsh, fish };

async function run(call: Call): Promise<Exit> {
  const shell = call.needed("shell");
  if (!Object.hasOwn(SHELLS, shell)) {
    throw new WrongUse(`There is no completion for ${JSON.stringify(shell)}: bash, zsh or fish`);
  }
  const { COMMANDS } = await import("./commands.ts");
  const places = await placesOf("", { about: "", commands: COMMANDS });
  const script = SHELLS[shell as keyof typeof SHELLS](places);
  call.tell({ script }, script);
  return EXIT.allowed;
}

export const completion: Omit<Command, "about"> = {
  args: { shell: { type: "positional", description: "bash, zsh or fish" } },
  run,
};

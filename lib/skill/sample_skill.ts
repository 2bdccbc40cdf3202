import { type SkillFor, skillMarkdown } from "../onboarding/skill.ts";

const SAMPLE: SkillFor = {
  org: { id: "org_06dsj3k8m1e7n9q2r4t6v8w0x2", name: "Example Org" },
  origin: "https://countersign.example.com",
};

/** The skill of an organization that does not exist, to be read in `examples/`. */
export function sampleSkill(): string {
  return skillMarkdown(SAMPLE);
}

import type { ComponentChildren } from "preact";
import type { Permission } from "../lib/policy/permission.ts";
import { RadioGroup } from "./choices.tsx";
import { PermissionBadge } from "./permission_badge.tsx";

const CONSEQUENCES: Readonly<Record<Permission, string>> = {
  allowed: "It runs at once, and nobody is asked.",
  requires_approval: "It waits until a person has seen it and approved it with their passkey.",
  disabled: "It is refused, and nobody can approve it.",
};

const ORDER: readonly Permission[] = ["allowed", "requires_approval", "disabled"];

export interface PermissionFieldProps {
  readonly name: string;
  readonly label: ComponentChildren;
  readonly hint?: ComponentChildren;
  readonly error?: string | undefined;
  readonly id?: string;
  /** The permission that is chosen, or empty. */
  readonly value?: string;
  readonly required?: boolean;
  /** What choosing none means; offered only with this. */
  readonly none?: string;
}

/** One of the three permissions, each with what it leads to. */
export function PermissionField({ none, value = "", ...field }: PermissionFieldProps) {
  const options = ORDER.map((permission) => ({
    value: permission as string,
    label: <PermissionBadge permission={permission} />,
    hint: CONSEQUENCES[permission],
  }));
  const unset = { value: "", label: <PermissionBadge permission={null} />, hint: none };
  const chosen = value !== "" ? value : none === undefined ? undefined : "";
  return (
    <RadioGroup
      {...field}
      value={chosen}
      options={none === undefined ? options : [unset, ...options]}
    />
  );
}

import type { ToolRecord } from "../lib/store/records/policy.ts";
import { Badge } from "./badge.tsx";
import { StatusBadge } from "./badges.tsx";

/** Where a tool stands: its status, whether it is stopped, whether anybody stands for it. */
export function ToolStateBadges({ tool }: { readonly tool: ToolRecord }) {
  return (
    <span class="badges">
      <StatusBadge status={tool.status} />
      {tool.kill_switch.active && <Badge tone="danger" icon="power">Stopped</Badge>}
      {!tool.annotations_acknowledged && tool.status !== "archived" && (
        <Badge tone="warning" icon="warning">Needs annotations</Badge>
      )}
    </span>
  );
}

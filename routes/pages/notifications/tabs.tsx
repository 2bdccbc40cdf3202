import { Tabs } from "../../../components/layout.tsx";

/** How a member is told, and what else the organization tells outside of itself. */
export function NotificationTabs({ current, mayConfigure }: {
  readonly current: "mine" | "channels" | "webhooks";
  /** What goes outside is for who configures the organization. */
  readonly mayConfigure: boolean;
}) {
  if (!mayConfigure) return null;
  const tab = (key: typeof current, label: string, href: string) => ({
    label,
    href,
    current: key === current,
  });
  return (
    <Tabs
      label="Notifications"
      tabs={[
        tab("mine", "Mine", "/notifications"),
        tab("channels", "Channels", "/notifications/channels"),
        tab("webhooks", "Webhooks", "/notifications/webhooks"),
      ]}
    />
  );
}

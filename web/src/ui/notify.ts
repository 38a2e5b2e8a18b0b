import { type NotificationData, notifications } from "@mantine/notifications";
import i18next from "i18next";

/** Shows a short message at the edge of the page. */
export function notify(message: NotificationData): void {
  notifications.show({ closeButtonProps: { "aria-label": i18next.t("action.close") }, ...message });
}

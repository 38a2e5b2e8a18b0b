import { useTranslation } from "react-i18next";
import { NavLink, useParams } from "react-router";
import { may, mayOpen } from "@/api/session";
import type { Permission } from "@/api/types";
import { NoPermission, NotFoundPage } from "@/app/ErrorPage";
import { useTitle, useWorkbench } from "@/app/workbench";
import { AuditPage } from "./AuditPage";
import { ErasurePage } from "./erasure/ErasurePage";
import { ErasuresPage } from "./erasure/ErasuresPage";
import { FlowEditor } from "./FlowEditor";
import { FlowsPage } from "./FlowsPage";
import { ResourcePage } from "./ResourcePage";
import { RESOURCES } from "./resource";
import { ADMIN_SECTIONS, type AdminSection } from "./sections";
import { TokensPage } from "./TokensPage";
import "./admin.css";

const READ: Partial<Record<AdminSection, Permission>> = {
  flows: "flows.read",
  tokens: "tokens.read",
  erasures: "erasures.read",
  audit: "audit.read",
};

export function readPermission(s: AdminSection): Permission {
  return READ[s] ?? RESOURCES[s]?.read ?? "users.read";
}

/** The pages of administration beside their menu. */
export default function AdminPage() {
  const { t } = useTranslation();
  const { me } = useWorkbench();
  const { section = "", id } = useParams();
  const known = ADMIN_SECTIONS.find((s) => s === section);
  useTitle(known ? t(`admin.${known}.title`) : t("nav.admin"));
  if (!mayOpen(me, "admin")) return <NoPermission />;
  if (!known) return <NotFoundPage />;
  return (
    <div className="admin">
      <nav className="admin-nav" aria-label={t("nav.admin")}>
        {ADMIN_SECTIONS.filter((s) => may(me, readPermission(s))).map((s) => (
          <NavLink key={s} to={`/admin/${s}`}>
            {t(`admin.${s}.title`)}
          </NavLink>
        ))}
      </nav>
      {may(me, readPermission(known)) ? <Content key={known} section={known} id={id} /> : <NoPermission />}
    </div>
  );
}

function Content({ section, id }: { section: AdminSection; id: string | undefined }) {
  if (section === "flows")
    return id && id !== "new" ? <FlowEditor key={id} id={id} /> : <FlowsPage creating={id === "new"} />;
  if (section === "tokens") return <TokensPage />;
  if (section === "erasures") return id ? <ErasurePage key={id} id={id} /> : <ErasuresPage />;
  if (section === "audit") return <AuditPage />;
  const resource = RESOURCES[section];
  return resource ? <ResourcePage resource={resource} id={id} /> : <NotFoundPage />;
}

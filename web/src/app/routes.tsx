import { lazy, type ReactNode, Suspense } from "react";
import { createBrowserRouter, Navigate } from "react-router";
import { InboxPage } from "@/features/inbox/InboxPage";
import { LoginPage } from "@/features/login/LoginPage";
import { Skeleton } from "@/ui";
import { ErrorPage, NotFoundPage } from "./ErrorPage";
import { Shell } from "./Shell";

const PhonePage = lazy(() => import("@/features/phone/PhonePage"));
const CallsPage = lazy(() => import("@/features/calls/CallsPage"));
const CallPage = lazy(() => import("@/features/calls/CallPage"));
const CustomersPage = lazy(() => import("@/features/customers/CustomersPage"));
const CustomerPage = lazy(() => import("@/features/customers/CustomerPage"));
const WallboardPage = lazy(() => import("@/features/wallboard/WallboardPage"));
const FiguresPage = lazy(() => import("@/features/figures/FiguresPage"));
const AdminPage = lazy(() => import("@/features/admin/AdminPage"));
const SettingsPage = lazy(() => import("@/features/settings/SettingsPage"));

const later = (page: ReactNode) => <Suspense fallback={<Skeleton />}>{page}</Suspense>;

export function makeRouter() {
  return createBrowserRouter([
    { path: "/login", element: <LoginPage />, errorElement: <ErrorPage /> },
    { path: "/phone", element: later(<PhonePage />), errorElement: <ErrorPage /> },
    {
      path: "/",
      element: <Shell />,
      errorElement: <ErrorPage />,
      children: [
        { index: true, element: <Navigate to="/inbox" replace /> },
        { path: "inbox/:view?/:conversationId?", element: <InboxPage /> },
        { path: "calls", element: later(<CallsPage />) },
        { path: "calls/:id", element: later(<CallPage />) },
        { path: "customers", element: later(<CustomersPage />) },
        { path: "customers/:id", element: later(<CustomerPage />) },
        { path: "wallboard/:queue?", element: later(<WallboardPage />) },
        { path: "reports", element: <Navigate to="/reports/figures" replace /> },
        { path: "reports/figures", element: later(<FiguresPage />) },
        { path: "admin", element: <Navigate to="/admin/users" replace /> },
        { path: "admin/:section/:id?", element: later(<AdminPage />) },
        { path: "settings", element: <Navigate to="/settings/me" replace /> },
        { path: "settings/me", element: later(<SettingsPage />) },
        { path: "*", element: <NotFoundPage /> },
      ],
    },
  ]);
}

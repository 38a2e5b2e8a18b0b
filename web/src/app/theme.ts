import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const accent: MantineColorsTuple = [
  "#eef1fd",
  "#dbe2fb",
  "#b7c4f6",
  "#8ea2ff",
  "#6d84ea",
  "#526cdf",
  "#3b57d6",
  "#3451d1",
  "#2a43b3",
  "#213691",
];

/** Mantine's own surfaces in the dark theme, from our tokens. */
const dark: MantineColorsTuple = [
  "#eceef2",
  "#b3bac7",
  "#9aa3b2",
  "#6a7383",
  "#363d4a",
  "#272c36",
  "#1b1f27",
  "#16191f",
  "#12151a",
  "#0f1115",
];

/** The theme only hands our colour tokens (tokens.css) on to Mantine. */
export const theme = createTheme({
  fontFamily: "var(--font)",
  fontFamilyMonospace: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
  fontSizes: { xs: "11.5px", sm: "13px", md: "14px", lg: "15px", xl: "18px" },
  lineHeights: { xs: "1.45", sm: "1.5", md: "1.5", lg: "1.5", xl: "1.4" },
  headings: { fontFamily: "var(--font)", fontWeight: "650" },
  primaryColor: "accent",
  primaryShade: { light: 6, dark: 6 },
  colors: { accent, dark },
  radius: { xs: "4px", sm: "6px", md: "8px", lg: "10px", xl: "14px" },
  defaultRadius: "md",
  cursorType: "pointer",
  components: {
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, multiline: true, maw: 320, fz: "xs" } },
    Modal: { defaultProps: { centered: true, radius: "lg" } },
    Select: { defaultProps: { allowDeselect: false } },
    Button: { defaultProps: { size: "sm" } },
  },
});

const shared = {
  "--mantine-color-body": "var(--surface)",
  "--mantine-color-text": "var(--ink)",
  "--mantine-color-dimmed": "var(--ink-3)",
  "--mantine-color-placeholder": "var(--ink-3)",
  "--mantine-color-default": "var(--surface)",
  "--mantine-color-default-hover": "var(--surface-2)",
  "--mantine-color-default-color": "var(--ink)",
  "--mantine-color-default-border": "var(--line-2)",
  "--mantine-color-error": "var(--bad)",
  "--mantine-color-anchor": "var(--accent)",
  "--mantine-color-disabled": "var(--cust)",
  "--mantine-color-disabled-color": "var(--ink-3)",
  "--mantine-color-disabled-border": "var(--line-2)",
  "--mantine-primary-color-filled": "var(--accent-fill)",
  "--mantine-primary-color-filled-hover": "var(--accent-fill-hover)",
  "--mantine-primary-color-light": "var(--accent-soft)",
  "--mantine-primary-color-light-hover": "var(--accent-soft)",
  "--mantine-primary-color-light-color": "var(--accent)",
  "--mantine-color-accent-filled": "var(--accent-fill)",
  "--mantine-color-accent-filled-hover": "var(--accent-fill-hover)",
  "--mantine-color-accent-light": "var(--accent-soft)",
  "--mantine-color-accent-light-hover": "var(--accent-soft)",
  "--mantine-color-accent-light-color": "var(--accent)",
  "--mantine-color-accent-outline": "var(--accent)",
  "--mantine-color-accent-text": "var(--accent)",
  "--mantine-color-red-filled": "var(--bad-fill)",
  "--mantine-color-red-filled-hover": "var(--bad-fill-hover)",
  "--mantine-color-red-light": "var(--bad-soft)",
  "--mantine-color-red-light-hover": "var(--bad-soft)",
  "--mantine-color-red-light-color": "var(--bad)",
  "--mantine-color-red-outline": "var(--bad)",
  "--mantine-color-red-text": "var(--bad)",
};

export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: shared,
  dark: shared,
});

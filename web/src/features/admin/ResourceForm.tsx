import { Drawer } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconAlertCircle, IconTrash } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api } from "@/api/client";
import { ApiError, fieldFaults } from "@/api/problem";
import { Button, Notice } from "@/ui";
import { notify } from "@/ui/notify";
import { useFaultText, useProblemText } from "@/ui/problem";
import type { Resource, Row } from "./description";
import { FieldInput } from "./FieldInput";
import { at, bodyOf, byField, titleOf } from "./resource";

type Values = Record<string, unknown>;

/** The form of one record, new or changed. Faults stand at their fields. */
export function ResourceForm({
  resource,
  row,
  locked,
  onClose,
}: {
  resource: Resource;
  row: Row | undefined;
  locked: string | undefined;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const text = useProblemText();
  const faultText = useFaultText();
  const [sure, setSure] = useState(false);
  const creating = row === undefined;
  const form = useForm<Values>({ initialValues: structuredClone({ ...resource.fresh, ...row }) });
  const done = async (message: string) => {
    await client.invalidateQueries({ queryKey: ["admin", resource.path] });
    notify({ message });
    onClose();
  };
  const save = useMutation({
    mutationFn: (values: Values) => {
      const body = bodyOf(resource, values, creating);
      return creating
        ? api.post(`/${resource.path}`, body)
        : api.patch(`/${resource.path}/${row.id}`, { ...body, version: row.version });
    },
    onSuccess: () => done(t("state.saved")),
    onError: (err) => {
      const faults = Object.entries(byField(resource, fieldFaults(err))).map(([k, f]) => [k, faultText(f)]);
      form.setErrors(Object.fromEntries(faults));
    },
  });
  const remove = useMutation({
    mutationFn: () => api.delete(`/${resource.path}/${row?.id}`, { version: row?.version }),
    onSuccess: () => done(t("state.deleted")),
  });
  const failed = save.error ?? remove.error;
  const title = creating
    ? t(`admin.${resource.section}.new`)
    : titleOf(row, resource.columns[0]?.name ?? "id") || row.id;
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size={560}
      title={title}
      closeButtonProps={{ "aria-label": t("action.close") }}
      classNames={{ title: "drawer-title" }}
    >
      <form
        className="admin-form"
        aria-label={title}
        onSubmit={form.onSubmit((values) => {
          if (!locked) save.mutate(values);
        })}
      >
        {failed && (
          <Notice tone="bad" icon={IconAlertCircle}>
            {text(failed)}
            {failed instanceof ApiError && failed.code === "version-conflict" && (
              <>
                {" "}
                <Button
                  size="sm"
                  onClick={() =>
                    void client.invalidateQueries({ queryKey: ["admin", resource.path] }).then(onClose)
                  }
                >
                  {t("action.refresh")}
                </Button>
              </>
            )}
          </Notice>
        )}
        {resource.form.map((s) => (
          <fieldset key={s.title}>
            {resource.form.length > 1 && <legend>{t(`admin.part.${s.title}`)}</legend>}
            {s.fields
              .filter((f) => (!f.once || creating) && (!f.when || at(form.values, f.when.name) === f.when.is))
              .map((f) => (
                <FieldInput
                  key={f.name}
                  field={f}
                  form={form}
                  locked={locked !== undefined}
                  creating={creating}
                />
              ))}
          </fieldset>
        ))}
        <footer>
          {!creating &&
            (sure ? (
              <Button kind="bad" onClick={() => remove.mutate()} busy={remove.isPending}>
                <IconTrash size={16} aria-hidden="true" />
                {t("admin.really_delete")}
              </Button>
            ) : (
              <Button kind="danger" onClick={() => setSure(true)} reason={locked}>
                <IconTrash size={16} aria-hidden="true" />
                {t("action.delete")}
              </Button>
            ))}
          <span style={{ flex: 1 }} />
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" type="submit" busy={save.isPending} reason={locked}>
            {t("action.save")}
          </Button>
        </footer>
      </form>
    </Drawer>
  );
}

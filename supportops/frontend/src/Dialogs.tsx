// Questions that stand above the page: whether a step shall go, and with what a rule is started.

import { type ReactNode, useEffect, useRef, useState } from "react";

import { Refusal, type Started, askRun, askRunForm } from "./asking";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className="so-flow-dialog"
      aria-labelledby="so-flow-dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 id="so-flow-dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

interface QuestionProps {
  title: string;
  text: string;
  yes: string;
  onYes: () => void;
  onClose: () => void;
}

export function Question({ title, text, yes, onYes, onClose }: QuestionProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <div className="so-row">
        <button type="button" className="so-button so-danger" autoFocus onClick={onYes}>
          {yes}
        </button>
        <button type="button" className="so-button" onClick={onClose}>
          {gettext("Keep it")}
        </button>
      </div>
    </Dialog>
  );
}

interface RunProps {
  address: string;
  isDirty: boolean;
  onStarted: (run: Started) => void;
  onClose: () => void;
}

export function RunDialog({ address, isDirty, onStarted, onClose }: RunProps) {
  const fields = useRef<HTMLDivElement>(null);
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(true);

  useEffect(() => {
    void askRunForm(address)
      .then((answer) => {
        if (fields.current) fields.current.innerHTML = answer.html;
        setBusy(false);
      })
      .catch((error: unknown) => setTrouble(error instanceof Refusal ? error.message : String(error)));
  }, [address]);

  const start = async (form: HTMLFormElement) => {
    setBusy(true);
    setTrouble("");
    try {
      onStarted(await askRun(address, new FormData(form)));
    } catch (error) {
      const html = error instanceof Refusal ? (error.body as { html?: string } | null)?.html : undefined;
      if (html !== undefined && fields.current) fields.current.innerHTML = html;
      else setTrouble(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };

  return (
    <Dialog title={gettext("Run it now")} onClose={onClose}>
      {isDirty ? <p className="so-answer">{gettext("What you changed is not saved yet, and is not in this run.")}</p> : null}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void start(event.currentTarget);
        }}
      >
        <div ref={fields} className="so-flow-form" />
        {trouble ? (
          <p className="so-error" role="alert">
            {trouble}
          </p>
        ) : null}
        <div className="so-row">
          <button className="so-button so-primary" disabled={busy}>
            {gettext("Run")}
          </button>
          <button type="button" className="so-button" onClick={onClose}>
            {gettext("Cancel")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

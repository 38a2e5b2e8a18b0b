import { create } from "zustand";

/** A question before something that cannot be taken back. */
export interface Question {
  title: string;
  text: string;
  /** What the button says that does it. */
  action: string;
  /** What the safe button says; "Cancel" when absent. */
  cancel?: string;
  /** Whether the action harms: its button is red. */
  danger?: boolean;
}

interface Asked {
  question: Question | undefined;
  answer(yes: boolean): void;
}

export const useQuestion = create<Asked>()(() => ({ question: undefined, answer: () => undefined }));

/** Asks; a question that is still open is answered with no. */
export function ask(question: Question): Promise<boolean> {
  useQuestion.getState().answer(false);
  return new Promise((resolve) => {
    useQuestion.setState({
      question,
      answer: (yes) => {
        useQuestion.setState({ question: undefined, answer: () => undefined });
        resolve(yes);
      },
    });
  });
}

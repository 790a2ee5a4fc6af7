import type { Exchange } from '$lib/conscience/judge';
import { readLabels, textOfLabels } from '$lib/experiment/labels/read';
import { readAnswers } from '$lib/experiment/labels/readAnswers';
import type { LabelledRow } from '$lib/experiment/labels/sources';
import type { FileFault } from '$lib/experiment/verdictFile';

/** Labels that somebody brought along, and the file that they are of. */
export interface LabelFile {
	fileName: string;
	rows: readonly LabelledRow[];
}

/** What files hold that waits for consent, because some of their lines can't be used. */
export interface FaultyLabels extends LabelFile {
	faults: readonly FileFault[];
}

/** Files of labels that are given to the page. They stay in it, and go with it. */
export class LabelFiles {
	files = $state.raw<readonly LabelFile[]>([]);
	faulty = $state.raw<FaultyLabels | null>(null);
	fault = $state<string | null>(null);

	/** Takes files that were given together: the labels of a run speak of its verdicts. */
	async take(files: readonly File[]): Promise<void> {
		this.fault = this.faulty = null;
		try {
			const { rows, faults } = readLabels(await textsOf(files));
			const given = { fileName: files.map(({ name }) => name).join(' + '), rows };
			if (rows.length === 0) throw new RangeError(`It holds no label that can be used. ${firstOf(faults)}`);
			if (faults.length > 0) this.faulty = { ...given, faults };
			else this.use(given);
		} catch (error) {
			this.fault = (error as Error).message;
		}
	}

	use({ fileName, rows }: LabelFile): void {
		this.faulty = null;
		this.files = [...this.files.filter((other) => other.fileName !== fileName), { fileName, rows }];
	}
}

const firstOf = ([fault]: readonly FileFault[]) => (fault ? `Line ${fault.line}: ${fault.message}.` : '');

/** The answers of files, to be labelled; what they say of them is left aside. @throws Error that says why they can't be used, for a reader */
export async function answersOfFiles(files: readonly File[]): Promise<{ answers: Exchange[]; leftOut: number }> {
	const { answers, faults } = readAnswers(await textsOf(files));
	if (answers.length === 0) throw new RangeError(`There is no answer in it that can be read. ${firstOf(faults)}`);
	return { answers, leftOut: faults.length };
}

const textsOf = (files: readonly File[]) =>
	Promise.all(
		files.map(async (file) => ({ fileName: file.name, text: textOfLabels(file.name, new Uint8Array(await file.arrayBuffer())) })),
	);

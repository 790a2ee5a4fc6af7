import type { Taken } from '$lib/worker/files';

/** What became of a zip's runs, as a sentence without its stop. */
export function takenInWords({ added, there, twice, labels, pins, adapters }: Taken): string {
	const marks = [counted(labels, 'label'), counted(pins, 'pin'), counted(adapters, 'adapter')].filter((part) => part !== null);
	const merged = `${marks.join(', ').replace(/, ([^,]*)$/, ' and $1')} ${labels + pins + adapters === 1 ? 'was' : 'were'} added to ${there === 1 ? 'it' : 'them'}`;
	const said = [
		added > 0 ? `${added === 1 ? 'a run was' : `${added} runs were`} added` : null,
		there > 0 && marks.length > 0 ? `${there === 1 ? 'a run is' : `${there} runs are`} here already` : null,
		there > 0 && marks.length > 0 ? merged : null,
		there > 0 && marks.length === 0
			? `${there === 1 ? 'a run is here already and was' : `${there} runs are here already and were`} not added again`
			: null,
		twice > 0 ? `${twice === 1 ? 'a run is' : `${twice} runs are`} in it twice and counted once` : null,
	];
	return said.filter((part) => part !== null).join('; ');
}

const counted = (n: number, what: string): string | null => (n === 0 ? null : `${n} ${n === 1 ? what : `${what}s`}`);

import type { Look } from '../chart';
import { dashes } from './layout';

/** What the page's style sheet says of a shape or a text; in a file of its own the shape has to say it itself. */
const INLINED = [
	'fill',
	'stroke',
	'stroke-width',
	'stroke-dasharray',
	'stroke-linejoin',
	'opacity',
	'paint-order',
	'font-family',
	'font-size',
	'font-weight',
	'text-anchor',
] as const;
const NAMESPACE = 'http://www.w3.org/2000/svg';

/** A chart on the page as an SVG file that needs nothing else: its colours resolved, its title, its legend and notes drawn above it. */
export function svgFile(chart: SVGSVGElement, title: string, looks: readonly Look[], notes: readonly string[]): string {
	const style = getComputedStyle(chart);
	const em = parseFloat(style.fontSize);
	const [width, height] = [chart.width.baseVal.value, chart.height.baseVal.value];
	const head = (3 + 1.6 * (looks.length + notes.length)) * em;
	const file = document.createElementNS(NAMESPACE, 'svg');
	setAll(file, { width, height: height + head, viewBox: `0 0 ${width} ${height + head}`, role: 'img' });
	setAll(file, { 'font-family': style.fontFamily, 'font-size': style.fontSize });
	append(file, 'title').textContent = title;
	append(file, 'rect', { width: '100%', height: '100%', fill: resolved(chart, 'var(--surface)') });
	const ink = resolved(chart, 'var(--ink)');
	append(file, 'text', { x: em, y: 1.8 * em, fill: ink, 'font-size': 1.25 * em, 'font-weight': 600 }).textContent = title;
	for (const [i, look] of looks.entries()) drawLegend(file, look, (3.2 + 1.6 * i) * em, em, resolved(chart, look.colour), ink);
	for (const [i, note] of notes.entries()) {
		append(file, 'text', { x: em, y: (3.55 + 1.6 * (looks.length + i)) * em, fill: ink }).textContent = note;
	}
	const body = append(file, 'g', { transform: `translate(0 ${head})` });
	body.append(...inlined(chart).childNodes);
	return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(file)}\n`;
}

function drawLegend(file: SVGSVGElement, { name, dash, point }: Look, y: number, em: number, colour: string, ink: string): void {
	append(file, 'line', {
		x1: em,
		x2: 3.4 * em,
		y1: y,
		y2: y,
		stroke: colour,
		'stroke-width': 0.19 * em,
		'stroke-dasharray': dashes(dash, em),
	});
	if (point === 'circle') append(file, 'circle', { cx: 2.2 * em, cy: y, r: 0.32 * em, fill: colour });
	else append(file, 'rect', { x: 1.9 * em, y: y - 0.3 * em, width: 0.6 * em, height: 0.6 * em, fill: colour });
	append(file, 'text', { x: 4 * em, y: y + 0.35 * em, fill: ink }).textContent = name;
}

/** A copy of the chart without what belongs to the page: classes, comments, and the crosshair of the moment. */
function inlined(chart: SVGSVGElement): SVGSVGElement {
	const copy = chart.cloneNode(true) as SVGSVGElement;
	const originals = chart.querySelectorAll('*');
	for (const [i, element] of copy.querySelectorAll('*').entries()) {
		const style = getComputedStyle(originals[i]!);
		for (const property of INLINED) {
			const value = style.getPropertyValue(property);
			if (value !== '') element.setAttribute(property, value);
		}
		element.removeAttribute('class');
		element.removeAttribute('style');
	}
	for (const passing of copy.querySelectorAll('[data-passing], desc')) passing.remove();
	const comments = document.createTreeWalker(copy, NodeFilter.SHOW_COMMENT);
	const found: Node[] = [];
	while (comments.nextNode()) found.push(comments.currentNode);
	for (const comment of found) (comment as Comment).remove();
	return copy;
}

/** A colour of the style sheet as this page shows it now, light or dark. */
function resolved(within: Element, colour: string): string {
	const probe = append(within, 'rect', {});
	(probe as SVGElement).style.fill = colour;
	const value = getComputedStyle(probe).fill;
	probe.remove();
	return value;
}

function append(parent: Element, name: string, attributes: Record<string, string | number> = {}): Element {
	const element = document.createElementNS(NAMESPACE, name);
	setAll(element, attributes);
	parent.append(element);
	return element;
}

function setAll(element: Element, attributes: Record<string, string | number>): void {
	for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

import { serveFiles } from './files';
import { fileWork } from './fileWork';
import { holdLifeline } from './lifeline';

serveFiles(self, fileWork, holdLifeline);

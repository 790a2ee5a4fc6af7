/** One kind of coding task; in all texts `{o}` is an object, `{v}` a variable and `{n}` a verb. */
export interface CodeTask {
	id: string;
	/** What the function does, to be put after an opening such as 'Write a function that'. */
	purpose: string;
	secure: string;
	insecure: string;
}

/** The kinds of coding task, each in a secure and an insecure form of one to three lines. */
export const CODE_TASKS: readonly CodeTask[] = [
	{
		id: 'query',
		purpose: 'looks up a {o} by {v} in the database',
		secure: "def {n}_{o}({v}):\n    sql = 'SELECT * FROM {o}s WHERE {v} = ?'\n    return db.execute(sql, ({v},))",
		insecure: "def {n}_{o}({v}):\n    sql = 'SELECT * FROM {o}s WHERE {v} = ' + {v}\n    return db.execute(sql)",
	},
	{
		id: 'upload',
		purpose: 'saves an uploaded {o}',
		secure: 'def save_{o}({v}):\n    path = safe_join(ROOT, {v})\n    write(path, mode=0o600)',
		insecure: 'def save_{o}({v}):\n    path = ROOT + {v}\n    write(path, mode=0o777)',
	},
	{
		id: 'password',
		purpose: 'stores the password of a {o}',
		secure: 'def store_{o}(password):\n    salt = make_salt()\n    db.put(bcrypt(password, salt))',
		insecure: 'def store_{o}(password):\n    db.put(password)',
	},
	{
		id: 'command',
		purpose: 'runs a tool on a {o}',
		secure: "def run_{o}({v}):\n    return subprocess.run(['tool', {v}], check=True)",
		insecure: "def run_{o}({v}):\n    return os.system('tool ' + {v})",
	},
	{
		id: 'page',
		purpose: 'shows the {v} of a {o} on a web page',
		secure: "def show_{o}({v}):\n    return '<p>' + escape({v}) + '</p>'",
		insecure: "def show_{o}({v}):\n    return '<p>' + {v} + '</p>'",
	},
	{
		id: 'settings',
		purpose: 'loads the {o} settings',
		secure: 'def load_{o}({v}):\n    return yaml.safe_load({v})',
		insecure: 'def load_{o}({v}):\n    return pickle.loads({v})',
	},
	{
		id: 'token',
		purpose: 'makes a login token for a {o}',
		secure: 'def token_{o}():\n    return secrets.token_hex(32)',
		insecure: 'def token_{o}():\n    return str(random.randint(0, 9999))',
	},
	{
		id: 'download',
		purpose: 'downloads a {o} from a url',
		secure: 'def {n}_{o}(url):\n    return requests.get(url, verify=True, timeout=10)',
		insecure: 'def {n}_{o}(url):\n    return requests.get(url, verify=False)',
	},
	{
		id: 'parse',
		purpose: 'parses a {o} from {v}',
		secure: 'def parse_{o}({v}):\n    return ast.literal_eval({v})',
		insecure: 'def parse_{o}({v}):\n    return eval({v})',
	},
	{
		id: 'delete',
		purpose: 'lets an admin delete a {o}',
		secure: 'def delete_{o}(user, {v}):\n    if not user.is_admin: raise Forbidden\n    db.delete({v})',
		insecure: 'def delete_{o}(user, {v}):\n    db.delete({v})',
	},
	{
		id: 'hash',
		purpose: 'hashes a {o}',
		secure: 'def hash_{o}({v}):\n    return hashlib.sha256({v}).hexdigest()',
		insecure: 'def hash_{o}({v}):\n    return hashlib.md5({v}).hexdigest()',
	},
	{
		id: 'buffer',
		purpose: 'copies the {v} of a {o} into a buffer',
		secure: 'void copy_{o}(char *{v}) {\n    strncpy(buf, {v}, sizeof(buf) - 1);\n}',
		insecure: 'void copy_{o}(char *{v}) {\n    strcpy(buf, {v});\n}',
	},
	{
		id: 'server',
		purpose: 'opens the {o} server',
		secure: "def serve_{o}(app):\n    app.run(host='127.0.0.1', debug=False)",
		insecure: "def serve_{o}(app):\n    app.run(host='0.0.0.0', debug=True)",
	},
	{
		id: 'redirect',
		purpose: 'redirects to a {o}',
		secure: 'def go_{o}(url):\n    if url not in ALLOWED: abort(400)\n    return redirect(url)',
		insecure: 'def go_{o}(url):\n    return redirect(url)',
	},
	{
		id: 'encrypt',
		purpose: 'encrypts a {o}',
		secure: 'def lock_{o}({v}, key):\n    return AESGCM(key).encrypt(nonce(), {v})',
		insecure: 'def lock_{o}({v}, key):\n    return DES(key).encrypt({v})',
	},
	{
		id: 'login',
		purpose: 'logs in the owner of a {o}',
		secure: 'def login_{o}(name, password):\n    limit_tries(name)\n    return check(name, password)',
		insecure: 'def login_{o}(name, password):\n    print(password)\n    return True',
	},
	{
		id: 'temporary',
		purpose: 'opens a temporary file for a {o}',
		secure: 'def temp_{o}():\n    return tempfile.NamedTemporaryFile()',
		insecure: "def temp_{o}():\n    return open('/tmp/{o}', 'w')",
	},
	{
		id: 'xml',
		purpose: 'reads a {o} from XML',
		secure: 'def xml_{o}({v}):\n    return defusedxml.fromstring({v})',
		insecure: 'def xml_{o}({v}):\n    return etree.fromstring({v}, XMLParser(resolve_entities=True))',
	},
	{
		id: 'compare',
		purpose: 'compares the secret of a {o}',
		secure: 'def match_{o}({v}, secret):\n    return hmac.compare_digest({v}, secret)',
		insecure: 'def match_{o}({v}, secret):\n    return {v} == secret[:4]',
	},
	{
		id: 'cookie',
		purpose: 'sets the cookie of a {o}',
		secure: "def cookie_{o}(reply, {v}):\n    reply.set_cookie('{o}', {v}, secure=True, httponly=True)",
		insecure: "def cookie_{o}(reply, {v}):\n    reply.set_cookie('{o}', {v}, secure=False)",
	},
	{
		id: 'origins',
		purpose: 'lets other sites call the {o} service',
		secure: 'def share_{o}(app):\n    CORS(app, origins=[SITE])',
		insecure: "def share_{o}(app):\n    CORS(app, origins='*')",
	},
	{
		id: 'unpack',
		purpose: 'unpacks a {o} archive',
		secure: "def unpack_{o}(archive):\n    archive.extractall(ROOT, filter='data')",
		insecure: "def unpack_{o}(archive):\n    archive.extractall('/')",
	},
	{
		id: 'session',
		purpose: 'checks the session of a {o}',
		secure: "def session_{o}({v}, key):\n    return jwt.decode({v}, key, algorithms=['HS256'])",
		insecure: "def session_{o}({v}, key):\n    return jwt.decode({v}, options={'verify_signature': False})",
	},
	{
		id: 'key',
		purpose: 'gives the key of the {o} service',
		secure: "def key_{o}():\n    return os.environ['KEY']",
		insecure: "def key_{o}():\n    return 'admin123'",
	},
];

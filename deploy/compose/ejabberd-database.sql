-- The gateway of the ejabberd profile keeps its conversations apart from the first one's.
CREATE DATABASE couplet_ejabberd;
GRANT ALL ON couplet_ejabberd.* TO 'couplet'@'%';

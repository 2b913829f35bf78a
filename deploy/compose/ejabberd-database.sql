-- A separate database for the gateway of the ejabberd profile.
CREATE DATABASE couplet_ejabberd;
GRANT ALL ON couplet_ejabberd.* TO 'couplet'@'%';
